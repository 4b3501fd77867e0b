#!/usr/bin/env python3
"""git pushes and clones a repository of 50 MB through Gatepost, over HTTP/1.1 and HTTP/2."""

import hashlib
import os
import random
import re
import unittest

from harness import gatepost, git_backend, judge, processes


class GitHttp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = processes.temporary_directory()
        cls.received = git_backend.start(cls.directory / "git.socket", cls.directory / "served")
        cls.proxy = gatepost.serve(gatepost.Host(NAME, f"unix:{cls.directory}/git.socket"))
        (cls.directory / ".gitconfig").write_text(GIT_CONFIG.format(ca=cls.proxy.ca, port=cls.proxy.https))
        cls.make_original()

    @classmethod
    def make_original(cls):
        cls.git("init", "--quiet", "original")
        cls.git("-C", "original", "fast-import", "--quiet", input=history())
        cls.git("-C", "original", "reset", "--quiet", "--hard")

    def test_push_and_clone_over_http1(self):
        self.push_and_clone("HTTP/1.1")
        self.assert_logged_version("HTTP/1.1")

    def test_push_and_clone_over_http2(self):
        self.push_and_clone("HTTP/2")
        self.assert_logged_version("HTTP/2.0")

    def push_and_clone(self, version):
        self.git("init", "--quiet", "--bare", f"served/{self.id()}")
        self.git("-C", f"served/{self.id()}", "config", "http.receivepack", "true")
        address = f"https://{NAME}:{self.proxy.https}/{self.id()}"
        clone = f"clone-{self.id()}"

        chunked, gzip = self.received.chunked, self.received.gzip
        self.git("-C", "original", "-c", f"http.version={version}", "push", "--quiet", "--all", address)
        self.git("-c", f"http.version={version}", "clone", "--quiet", address, clone)
        self.assertGreater(self.received.chunked, chunked, "a large push has a chunked body")
        self.assertGreater(self.received.gzip, gzip, "a clone of many branches has a compressed body")

        self.git("-C", clone, "fsck", "--strict")
        self.assertEqual(self.commits(clone), self.commits("original"))
        self.assertEqual(self.digest(clone), self.digest("original"))

    def commits(self, repository):
        return set(self.git("-C", repository, "for-each-ref", "--format=%(objectname)").split())

    def digest(self, directory):
        digest = hashlib.sha256()
        for file in sorted((self.directory / directory).glob("file-*")):
            digest.update(file.name.encode() + file.read_bytes())
        return digest.hexdigest()

    def assert_logged_version(self, version):
        """All requests for the repository of this test used `version`, according to the access log."""
        line = re.compile(rf'"\w+ /{re.escape(self.id())}/(\S+) (\S+)" 200 ')
        logged = lambda: line.findall(self.proxy.access_log.read_text())
        processes.wait_until(lambda: "git-upload-pack" in dict(logged()), "the clone is logged")
        self.assertEqual({used for _, used in logged()}, {version})

    @classmethod
    def git(cls, *arguments, input=b""):
        """Runs git in the directory of the test, without settings of the machine."""
        done = processes.run(
            ["git", *arguments], LIMIT, input=input, encoding=None, cwd=cls.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(cls.directory), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
        )
        if done.returncode != 0:
            raise AssertionError(f"git {' '.join(arguments)} failed: {done.stderr.decode()}")
        return done.stdout.decode()


def history():
    """Returns the input of `git fast-import`: each commit adds a file of random bytes and has a branch."""
    source = random.Random(50)
    commits = (commit(number, source.randbytes(FILE_SIZE)) for number in range(FILES))
    return b"".join(commits)


def commit(number, content):
    head = COMMIT.format(number=number, size=len(content))
    return head.encode() + content + BRANCH.format(number=number).encode()


NAME = "gitlab.example.com"

FILES = 50
FILE_SIZE = 1_000_000

# Seconds for one command on a busy machine.
LIMIT = 300

GIT_CONFIG = """\
[init]
    defaultBranch = main
[http]
    sslCAInfo = {ca}
    curloptResolve = "gitlab.example.com:{port}:127.0.0.1"
"""

COMMIT = """\
commit refs/heads/main
committer Gatepost <gatepost@example.com> {number} +0000
data 6
a file
M 100644 inline file-{number:02}
data {size}
"""

BRANCH = """
reset refs/heads/branch-{number:02}
from refs/heads/main

"""


if __name__ == "__main__":
    judge.main("openssl", "git")
