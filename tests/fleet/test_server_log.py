"""A log says what renders: the device that was taken, not those that were found."""

import pytest

from scanyard.fleet.server_log import device_name, finds_port_taken, renders_in_software

FOUND = "LogVulkanRHI: Display: Device 0: NVIDIA RTX A6000\nLogVulkanRHI: Display: Device 1: llvmpipe (LLVM 15.0.7)\n"
TAKEN = "[2026.01.01-00.00.00:000][  0]LogVulkanRHI: Display: - DeviceName: {}\n"
LAVAPIPE = "WARNING: lavapipe is not a conformant vulkan implementation, testing use only.\n"


@pytest.mark.parametrize(
    ("log", "software"),
    [
        (FOUND + TAKEN.format("NVIDIA RTX A6000"), False),
        (FOUND + TAKEN.format("llvmpipe (LLVM 15.0.7, 256 bits)"), True),
        (LAVAPIPE + FOUND + TAKEN.format("NVIDIA RTX A6000"), False),
        ("4.26.2-0+++UE4+Release-4.26 522 0\nDisabling core dumps.\n", False),
        ("4.26.2-0+++UE4+Release-4.26 522 0\n" + LAVAPIPE, True),
    ],
)
def test_software_is_told_by_the_device_taken_or_else_by_any_mention(log: str, software: bool) -> None:
    assert renders_in_software(log) is software


def test_the_device_taken_last_counts_and_none_may_be_named() -> None:
    assert device_name(TAKEN.format("A") + TAKEN.format("B")) == "B"
    assert device_name(FOUND) is None


@pytest.mark.parametrize("line", ["bind: Address already in use", "bind: address already in use", "[Errno 98] ..."])
def test_a_taken_port_is_recognised(line: str) -> None:
    assert finds_port_taken(f"Disabling core dumps.\n{line}\n")
