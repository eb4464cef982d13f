"""Table 1 at the embedded scale, with the control that the paper lacks: `orchestrator sweep nano_table1`.

Cost a row: about half an hour on 4 cores of a laptop. Wants the embedded corpus in data/nano and its store:
    python -m dataset_builder build --source nano --out data/nano && orchestrator prepare data/nano
"""

from dora.explore import Launcher

from ._explorer import OrchestratorExplorer, on_cpu
from ._table1 import table1_rows


@OrchestratorExplorer
def explorer(launcher: Launcher) -> None:
    """The rows."""
    on_cpu(launcher)
    table1_rows(launcher.bind(solver="orchestrator_nano"), baseline="//pretrained/nano-baseline")
    # As many updates as the fine-tunings, on what the baseline was trained with: what more training alone would do.
    launcher(solver="nano_control", label="control")
