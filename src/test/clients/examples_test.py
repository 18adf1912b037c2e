"""The examples, as their users run them."""

import os
import shutil
import subprocess
import sys
import unittest

from running_server import HOME, MODEL, RunningServer


class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def output(self, *command):
        environment = os.environ | {"JAVA_HOME": str(self.server.java_home())}
        return subprocess.run(command, cwd=HOME, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True, timeout=300, check=True).stdout

    def java(self, example, argument):
        maven = shutil.which("mvn") or str(HOME / "mvnw")
        return self.output(maven, "-B", "-ntp", "-q", "-f", "examples/langchain4j/pom.xml", "compile", "exec:exec",
                           "-Dexample=" + example, "-Dargument=" + argument)

    @unittest.skipUnless(shutil.which("curl"), "there is no curl")
    def test_curl(self):
        said = self.output("examples/chat.sh", self.server.url)
        self.assertIn("Paris", said)
        self.assertIn('"calidrop":{"seed"', said)

    def test_python(self):
        self.assertRegex(self.output(sys.executable, "examples/chat.py", self.server.url), "Paris.*\n[0-9]+ tokens; ")

    def test_langchain4j_and_the_server(self):
        said = self.java("ServerExample", self.server.url)
        self.assertIn("The capital of France is Paris.", said)
        self.assertIn("TokenUsage", said)

    def test_langchain4j_in_one_process(self):
        self.assertIn("The capital of France is Paris.", self.java("EngineExample", f"models/{MODEL}.gguf"))


if __name__ == "__main__":
    unittest.main()
