"""A Slurm of one node on this machine, with accounting and two GPUs that are none, and all it keeps in one folder.

    python tests/slurm/cluster.py start FOLDER     # ends once the node is idle; prints what clients need
    SLURM_CONF=FOLDER/slurm.conf sinfo
    python tests/slurm/cluster.py stop FOLDER

It wants root and Debian's packages slurm-wlm munge slurmdbd mariadb-server-core mariadb-client-core. Account `music`
is everyone's, account `paper` and qos `short` may be asked for, and others are refused. A GPU is a clone of /dev/null.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sbatch", "sacct")
SERVICES = ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged")  # in the order to stop them
START_SECONDS, STOP_SECONDS = 90.0, 30.0  # for one service, on a busy machine
ASK_SECONDS = 15.0  # for one question to Slurm, which hangs where its controller is gone

DAEMONS = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
"""
SLURMDBD_CONF = """\
{daemons}
DbdHost=localhost
DbdPort={dbd}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageUser=root
StorageLoc=slurm_acct_db
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
"""
# More cores and memory than the machine may have, so that jobs run side by side whatever they ask for.
SLURM_CONF = """\
{daemons}
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={node}
SlurmUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
MpiDefault=none
ReturnToService=2
KillWait=30
SchedulerParameters=sched_interval=5,batch_sched_delay=0
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge.socket
AccountingStorageEnforce=associations,qos
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 Gres=gpu:2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=debug Nodes={host} Default=YES MaxTime=60 PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes={host} MaxTime=60 PriorityTier=2
"""


def lacks() -> str | None:
    """Why no cluster can be started here, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return (
            f"no {', '.join(missing)} here: "
            "apt-get install slurm-wlm munge slurmdbd mariadb-server-core mariadb-client-core"
        )
    return "only root may make the files that stand for GPUs" if os.geteuid() else None


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Cluster:
    """The services whose files are in a folder.

    Args:
        folder: short, since sockets are in it: their paths may have 107 bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.environment = {
            **os.environ, "PATH": _path(), "SLURM_CONF": f"{self.folder}/slurm.conf",
            "MYSQL_UNIX_PORT": f"{self.folder}/mariadb.socket",
        }  # fmt: skip

    def start(self) -> None:
        """Start everything from an empty folder; returns once a job could begin.

        Raises:
            TimeoutError: if a service is not there in time; it has been told to stop.
        """
        self._write()
        try:
            self._start_accounting()
            self._spawn("slurmctld", "-D")
            self._until("slurmctld", lambda: "is UP" in self.ask("scontrol", "ping"))
            self._spawn("slurmd", "-D")
            self._until("slurmd", lambda: self.ask("sinfo", "-h", "-o", "%T").strip() == "idle")
        except BaseException:
            self.stop()
            raise

    def _start_accounting(self) -> None:
        self._spawn("munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key",
                    f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munge.pid",
                    f"--log-file={self.folder}/munge.log", f"--seed-file={self.folder}/munge.seed")  # fmt: skip
        self._until("munged", (self.folder / "munge.socket").exists)
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/mariadb", "--user=root",
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            env=self.environment, check=True, capture_output=True, timeout=START_SECONDS,
        )  # fmt: skip
        self._spawn("mariadbd", "--no-defaults", f"--datadir={self.folder}/mariadb", "--user=root",
                    f"--socket={self.folder}/mariadb.socket", "--skip-networking",
                    "--innodb-lock-wait-timeout=900")  # fmt: skip
        self._until("mariadbd", (self.folder / "mariadb.socket").exists)
        self._spawn("slurmdbd", "-D")
        self._until("slurmdbd", lambda: "Cluster" in self.ask("sacctmgr", "show", "cluster"))
        for words in ("cluster one", "account music", "account paper", "qos short",
                      "user root account=music,paper defaultaccount=music qos=normal,short"):  # fmt: skip
            self.ask("sacctmgr", "-i", "add", *words.split())

    def _write(self) -> None:
        for name in ("state", "spool", "mariadb"):
            (self.folder / name).mkdir(parents=True)
        for gpu in ("gpu0", "gpu1"):
            subprocess.run(["mknod", str(self.folder / gpu), "c", "1", "3"], check=True)
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/gpu[0-1]\n")
        (self.folder / "munge.key").touch(mode=0o600)
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        with _free_ports(3) as (ctld, node, dbd):
            values = {"folder": self.folder, "host": socket.gethostname(), "ctld": ctld, "node": node, "dbd": dbd,
                      "daemons": DAEMONS.format(folder=self.folder)}  # fmt: skip
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values))
        (self.folder / "slurmdbd.conf").touch(mode=0o600)
        (self.folder / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(**values))

    def _spawn(self, program: str, *words: str) -> None:
        """Start a service, which outlives us, and write down its process."""
        with (self.folder / f"{program}.out").open("wb") as out:
            process = subprocess.Popen(
                [program, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment,
                start_new_session=True,
            )  # fmt: skip
        (self.folder / f"{program}.process").write_text(str(process.pid))

    def _until(self, name: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError(f"{name} was not ready within {START_SECONDS:.0f} s: see {self.folder}/{name}.*")
            time.sleep(0.2)

    def ask(self, *words: str) -> str:
        """What a client of Slurm prints; nothing if it fails or has no answer in time."""
        with suppress(subprocess.TimeoutExpired):
            return subprocess.run(
                words, env=self.environment, capture_output=True, text=True, timeout=ASK_SECONDS, check=False
            ).stdout
        return ""

    def account(self, job: str, field: str) -> str:
        """A field, or several joined by commas, of what Slurm's accounts say of a job; `|` stands between values."""
        return self.ask("sacct", "-X", "-n", "-P", "-o", field, "-j", job).strip()

    def ended(self, job: str) -> bool:
        """Whether a job neither waits nor runs."""
        return self.account(job, "State") not in ("", "PENDING", "RUNNING", "REQUEUED", "COMPLETING")

    def stop(self) -> None:
        """End all jobs and then every service; the folder stays."""
        if self._running("slurmd"):
            self.ask("scancel", "--full", "--signal=KILL", "--user=root")
            self.ask("scancel", "--user=root")
        for name in SERVICES:
            self._end(name)

    def _running(self, name: str) -> int | None:
        """The process of a service, if it is still there and still that program."""
        with suppress(OSError, ValueError):
            number = int((self.folder / f"{name}.process").read_text())
            if name in Path(f"/proc/{number}/cmdline").read_text():
                return number
        return None

    def _end(self, name: str) -> None:
        end = time.monotonic() + STOP_SECONDS
        while (number := self._running(name)) is not None:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGTERM if time.monotonic() < end else signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(number, os.WNOHANG)
            time.sleep(0.2)


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Ports that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def main() -> int:
    """Start or stop; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=["start", "stop"])
    parser.add_argument("folder", type=Path, help="to start, one that is not there or empty")
    args = parser.parse_args()
    if reason := lacks():
        print(f"error: {reason}", file=sys.stderr)
        return 1
    if args.do == "stop":
        Cluster(args.folder).stop()
        return 0
    if args.folder.exists() and any(args.folder.iterdir()):
        print(f"error: {args.folder} is not empty: expected a new folder for the cluster's files", file=sys.stderr)
        return 1
    Cluster(args.folder).start()
    print(f"export SLURM_CONF={args.folder.absolute()}/slurm.conf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
