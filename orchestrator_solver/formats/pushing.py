"""A model to the hub: written into a folder that is then uploaded in one commit.

huggingface_hub's ModelHubMixin has the same methods, and does not fit: it asks the hub for `config.json` under every
name that is no folder (`nano`, a run's signature), and keeps the arguments of `__init__` as the model's configuration.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dataset_builder.errors import UserError

from ..models.runs import BestOfRun
from ..weights.package import PREFIX, shipped
from ..weights.package_rules import CODECS_AT_THE_HUB
from ..weights.published import AT_THE_HUB
from . import registry


@dataclass(frozen=True)
class Upload:
    """How a model is uploaded.

    Attributes:
        message: of the commit.
        private: whether the repository is made for its owner alone; None leaves it to the hub.
        token: of the hub; by default the one that `hf auth login` keeps.
        branch: of the repository; by default its main one.
    """

    message: str = "Push a Music Orchestrator"
    private: bool | None = None
    token: str | None = None
    branch: str | None = None


def push(source: BestOfRun, repo: str, format_name: str, upload: Upload) -> str:
    """Write a model and upload it; the repository is made if there is none. Returns the address of the commit.

    Raises:
        UserError: if the format cannot hold it, others could not load it, or the hub does not take it.
    """
    from httpx import HTTPError
    from huggingface_hub import HfApi

    _require_complete(source, format_name)
    with TemporaryDirectory() as folder:
        registry.write(source, Path(folder), format_name, {})
        try:
            api = HfApi(token=upload.token)
            made = api.create_repo(repo, private=upload.private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=made.repo_id, folder_path=folder, commit_message=upload.message, revision=upload.branch
            )
        except (OSError, ValueError, HTTPError) as error:  # huggingface_hub's errors are among these
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(
                f"the hub does not take {repo} ({reason}): expected OWNER/NAME that a token of yours may write to "
                "(hf auth login)"
            ) from error
    return str(commit.commit_url)


def _require_complete(source: BestOfRun, format_name: str) -> None:
    """Stop if a model needs what stands on this machine alone.

    Raises:
        UserError: what that is.
    """
    codec = str(source.cfg.get("compression_model_checkpoint") or "").removeprefix(PREFIX)
    if format_name == "ours" and codec not in shipped() and not CODECS_AT_THE_HUB.fullmatch(codec):
        raise UserError(f"its codec, {codec}, is on this machine alone: expected a shipped or a published one")
    base = str(source.cfg.get("continue_from") or "").removeprefix(PREFIX)
    if format_name == "peft" and not AT_THE_HUB.fullmatch(base):
        raise UserError(f"its additions are to {base}, which is no model at the hub: push that one, or another format")
