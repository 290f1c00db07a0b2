# scanyard beside a real CARLA 0.9.16: a Ray node whose workers each start a server on the card they were given.
#   docker build --file docker/carla.Dockerfile --tag scanyard-carla .
#   mkdir --parents out && chmod a+rwx out  # the container writes there as its own user
#   docker run --rm --init --gpus '"device=0"' --shm-size=1g --volume "$PWD/out:/out" scanyard-carla \
#     simulate scenarios/ --out /out/synthetic --carla /home/carla/CarlaUE4.sh --workers 1
# One container per card: CARLA renders with Vulkan, which heeds neither CUDA_VISIBLE_DEVICES nor Ray's choice of a card.
# Linted and checked by tests/docker; no image has been built from this file yet, nor run.
FROM ghcr.io/astral-sh/uv:0.9 AS uv

FROM carlasim/carla:0.9.16

USER 0
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# What Open3D links and no Python package ships; KubeRay's probes call wget.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libgl1 libegl1 libx11-6 libgomp1 libudev1 wget \
    && rm -rf /var/lib/apt/lists/*

# The image's own Python is that of its Ubuntu; uv brings a 3.11 that runs on any glibc.
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_PYTHON_INSTALL_DIR=/opt/python
WORKDIR /scanyard
COPY . .
RUN uv venv --python 3.11 .venv \
    && uv pip install --no-cache --python .venv --constraint constraints.txt . "ray[default]" \
    && chown -R carla /scanyard

# hadolint ignore=DL3066  # the image's own user, whose number its makers may change
USER carla
# "graphics" among the capabilities is what makes the driver's Vulkan visible; "compute" alone renders in software.
ENV PATH=/scanyard/.venv/bin:$PATH \
    NVIDIA_DRIVER_CAPABILITIES=all \
    SDL_VIDEODRIVER=offscreen \
    RAY_USAGE_STATS_ENABLED=0
ENTRYPOINT ["scanyard"]
CMD ["--help"]
