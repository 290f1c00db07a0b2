"""The least a launcher can take for a CARLA server: it has the flags, logs alike, and says its version.

python answering_server.py [--deaf] [--device NAME] [--version V] [--child] -carla-rpc-port=N -carla-streaming-port=M
"""

# ruff: noqa: T201  # what it prints is its log

import os
import signal
import socket
import sys
import time

import msgpack


def flag(name: str, default: str = "") -> str:
    return next((word.split("=", 1)[1] for word in sys.argv if word.startswith(f"{name}=")), default)


print("4.26.2-0+++UE4+Release-4.26 522 0\nDisabling core dumps.")
print("LogVulkanRHI: Display: Device 1: llvmpipe (LLVM 15.0.7, 256 bits)")
if device := flag("--device"):
    print(f"LogVulkanRHI: Display: - DeviceName: {device}")
print("flags:", *sys.argv[1:], flush=True)
if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "--child" in sys.argv and os.fork() == 0:
    time.sleep(60)
    os._exit(0)
listeners = [socket.create_server(("127.0.0.1", int(flag(f"-carla-{what}-port")))) for what in ("rpc", "streaming")]
while True:
    client, _ = listeners[0].accept()
    with client:
        client.recv(4096)
        client.sendall(msgpack.packb([1, 1, None, [[1, flag("--version", "0.9.16")]]]))
