"""Experiments: train on one split, score on others, and say how sure the difference is.

What it leaves to others: training (``detect``), scoring (``metrics``), rows and their order (``board``), pictures
(``view``).  This room walks from one to the next, in Ray workers, and keeps what each run left so that nothing is done
twice.

Tried and turned down: continuing a killed arm from a checkpoint in its middle (an arm takes minutes, and a run that
was never interrupted would no longer give the same weights); progress through a Ray actor (a file per run, replaced
atomically, survives a dead driver); unequal steps with a warning (intervals over drives do not see an undertrained
baseline, so unequal arms are refused); a learning curve carried on beyond the most labels tried (a guess that looks
like a measurement); resampling three seeds with replacement (too narrow by a fifth; their spread is learnt from all
arms together instead); one learning-rate cycle across the stages of a curriculum (training takes one mixture a call).
"""

from scanyard.experiment.arm import Job
from scanyard.experiment.load import load_recipe
from scanyard.experiment.plan import plan_jobs
from scanyard.experiment.progress import Progress, RunProgress
from scanyard.experiment.publish import load_entries, publish
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.run import load_comparison, load_findings, run
from scanyard.experiment.scoring import evaluate_file, scored_frames
from scanyard.experiment.splits import resolve_splits

__all__ = [
    "Job",
    "Progress",
    "Recipe",
    "RunProgress",
    "evaluate_file",
    "load_comparison",
    "load_entries",
    "load_findings",
    "load_recipe",
    "plan_jobs",
    "publish",
    "resolve_splits",
    "run",
    "scored_frames",
]
