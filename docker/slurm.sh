#!/usr/bin/env bash
# A campaign on Slurm: one Ray node per host, one worker per card. Submit it from the repository, where .venv is:
#   sbatch --nodes=4 docker/slurm.sh scenarios/ /shared/datasets/synthetic 0:1000
# On a preempted or timed-out allocation Slurm queues it again, and the campaign goes on: what is sealed is kept.
# SCANYARD_CARLA names a CARLA start script; without it workers run our own server, on cores instead of cards.
# Checked by shellcheck; never submitted to a cluster yet.
#SBATCH --job-name=scanyard
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
set -euo pipefail

if [ $# -ne 3 ]; then
  echo "usage: sbatch [--nodes=N] docker/slurm.sh SCENARIOS DATASET SEEDS" >&2
  exit 2
fi
scenarios=$1 dataset=$2 seeds=$3
cores=${SLURM_CPUS_ON_NODE:?this is no Slurm job: submit it with sbatch}
cards=${SLURM_GPUS_ON_NODE:-0}
export PATH="$PWD/.venv/bin:$PATH" RAY_USAGE_STATS_ENABLED=0
# Who else is on these hosts may not use our nodes; the token lies in the home folder, which all hosts share.
ray get-auth-token --generate >/dev/null
export RAY_AUTH_MODE=token

if [ -n "${SCANYARD_CARLA:-}" ] && [ "$cards" -gt 0 ]; then
  per_host=$cards
  worker=(--carla "$SCANYARD_CARLA" --gpus 1 --cpus "$((cores / cards))")
  if [ "$cards" -gt 1 ]; then  # Ray's card says nothing to CARLA: every server would render on the first
    worker+=(--adapters "$(seq -s, 0 "$((cards - 1))")")
  fi
else
  per_host=$((cores / 2 > 0 ? cores / 2 : 1))
  worker=(--cpus 2)
fi

mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=$(getent ahostsv4 "${hosts[0]}" | awk 'NR == 1 { print $1 }')
port=$((20000 + SLURM_JOB_ID % 10000))  # two jobs may meet on a host
nodes=()

finish() {
  trap - EXIT TERM
  kill "${nodes[@]}" 2>/dev/null || true
  wait || true
}
trap finish EXIT
trap 'finish; exit 143' TERM

node() {  # HOST OPTIONS...: the Ray node of a host, ended with the job step
  local host=$1
  shift
  srun --overlap --nodes=1 --ntasks=1 --nodelist="$host" \
    ray start --block --num-cpus="$cores" --num-gpus="$cards" "$@" &
  nodes+=("$!")
}

node "${hosts[0]}" --head --node-ip-address="$address" --port="$port" --include-dashboard=false
for host in "${hosts[@]:1}"; do
  node "$host" --address="$address:$port"  # it tries until the head is there
done
until ray health-check --address "$address:$port" 2>/dev/null; do sleep 2; done

# The driver waits for nodes that are late, and goes on without those that vanish.
scanyard simulate "$scenarios" --out "$dataset" --seeds "$seeds" --address "$address:$port" \
  --workers "$((per_host * ${#hosts[@]}))" "${worker[@]}" &
wait "$!"
