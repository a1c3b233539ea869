# SPDX-License-Identifier: BSD-2-Clause
"""Results as lines of the Test Anything Protocol."""
import sys
import traceback


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def result(self, good, name, text=""):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}", flush=True)
        if text:
            note(text)
        return good

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}", flush=True)
        return True

    def run(self, name, function, *args):
        """One test: it fails by an exception, whose text is shown."""
        try:
            function(*args)
        except Skip as e:
            return self.skip(name, e)
        except Exception as e:  # pylint: disable=broad-except
            where = traceback.extract_tb(sys.exc_info()[2])[-1]
            return self.result(False, name, f"{type(e).__name__}: {e}\n(at {where.filename}:{where.lineno})")
        return self.result(True, name)

    def end(self):
        print(f"1..{self.n}", flush=True)
        return 1 if self.failed or not self.n else 0


def note(text):
    for line in str(text).splitlines():
        print("#   " + line, flush=True)


class Skip(Exception):
    """The machine lacks what the test needs."""


class Failure(Exception):
    """A test's own verdict."""


def expect(good, what):
    if not good:
        raise Failure(what)
