"""Published weights that scores depend on: which file, where it comes from, and whether a file is that one.

A score is comparable only with scores by the same weights, so that a result names its file and the file's SHA-256.
Nothing is downloaded in here.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from dataset_builder.errors import UserError
from dataset_builder.runtime.checksums import digest_of


@dataclass(frozen=True)
class KnownFile:
    """A published file of weights.

    Attributes:
        name: what its publisher calls it.
        url: where it is published.
        size: in bytes.
        option: of the command line, which names a copy.
        sha256: of the published file; None if nobody is known to have written it down.
    """

    name: str
    url: str
    size: int
    option: str
    sha256: str | None

    def usual_place(self) -> Path:
        """Where a copy is looked for: in torch's folder of downloaded weights (below TORCH_HOME)."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.name

    def find(self, path: str | Path | None = None) -> Path:
        """A copy: the one named, or that in its usual place.

        Raises:
            UserError: if there is none.
        """
        found = Path(path) if path else self.usual_place()
        if not found.is_file():
            raise UserError(
                f"{found} is no file: download {self.url} ({self.size / 1e9:.2f} GB) and put it there, or name it by "
                f"{self.option}"
            )
        return found

    def provenance(self, path: Path, any_hash: bool = False) -> dict[str, str]:
        """What a result says of its weights: `file`, `from`, `sha256`, and `check`, what that was compared with.

        Args:
            path: a copy.
            any_hash: whether a file that is not the published one is taken, too.

        Raises:
            UserError: if it is another file, and `any_hash` is false.
        """
        digest = digest_of(path)
        if self.sha256 is None:
            check = "not checked: no SHA-256 of the published file is known"
        elif digest == self.sha256:
            check = "the published file"
        elif any_hash:
            check = f"another file than the published one, whose SHA-256 is {self.sha256}"
        else:
            raise UserError(
                f"{path} is not the published {self.name}: its SHA-256 is {digest}, expected {self.sha256}; download "
                f"it again from {self.url}, or take it as it is by --any-checkpoint"
            )
        return {"file": path.name, "from": self.url, "sha256": digest, "check": check}


# The hash is what many projects that pin this file record; the address is of the commit that they name.
CLAP = KnownFile(
    "music_audioset_epoch_15_esc_90.14.pt",
    "https://huggingface.co/lukewys/laion_clap/resolve/b3708341862f581175dba5c356a4ebf74a9b6651/"
    "music_audioset_epoch_15_esc_90.14.pt",
    2_352_471_003,
    "--clap-checkpoint",
    "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd",
)
# Of windows of 20 s, as audiocraft takes them; the better known "passt-s-f128-p16-s10-ap.476-swa.pt" is of 10 s.
PASST = KnownFile(
    "passt-s-f128-20sec-p16-s10-ap.474-swa.pt",
    "https://github.com/kkoutini/PaSST/releases/download/v0.0.5/passt-s-f128-20sec-p16-s10-ap.474-swa.pt",
    344_975_942,
    "--passt-checkpoint",
    None,
)
