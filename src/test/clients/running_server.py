"""Starts the server for tests of its clients."""

import os
import pathlib
import subprocess

HOME = pathlib.Path(__file__).resolve().parents[3]
MODEL = os.environ.get("CALIDROP_TEST_MODEL", "SmolLM2-135M-Instruct.Q4_1")


class RunningServer:
    """A server at a free port; `url` is where. Ends with the `with` that it is of."""

    def __init__(self, *options):
        self._log = []
        self._process = subprocess.Popen(
            [str(HOME / "run.sh"), "serve", "--model", MODEL, "--port", "0", "--temp", "0", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            self._log.append(line)
            if line.startswith("listening at "):
                self.url = line.split()[2].removesuffix("/v1")
                return
        raise RuntimeError("the server did not start: " + "".join(self._log))

    def java_home(self):
        """The JDK that runs it, which the launcher found."""
        return pathlib.Path(f"/proc/{self._process.pid}/exe").resolve().parents[1]

    def close(self):
        """Ends it; returns what it said after its start, which is nothing but that it ends."""
        self._process.terminate()
        with self._process:
            return self._process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
