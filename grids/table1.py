"""The paper's Table 1: MusicGen Melody 1.5B before and after fine-tuning on Slakh2100 redux.

Hardware: 8 GPUs of 80 GB for each fine-tuning, one for the baseline. Without and with description is a matter of
evaluation, not of training: `orchestrator evaluate` asks each model in both ways. There is no control row, for
MusicGen's own training data is not public; `nano_table1` has one.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from dora.explore import Launcher

from ._explorer import OrchestratorExplorer
from ._table1 import table1_rows


@OrchestratorExplorer
def explorer(launcher: Launcher) -> None:
    """The rows."""
    launcher.bind_(solver="orchestrator", dset="slakh")
    launcher.slurm_(gpus=8, mem_per_gpu=80, cpus_per_gpu=8, time=2880)
    table1_rows(launcher, baseline="//pretrained/facebook/musicgen-melody")
