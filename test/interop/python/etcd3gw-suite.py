"""Runs the test suite of Debian's python3-etcd3gw against one server: `etcd3gw-suite.py PORT`.

The suite expects a server at 127.0.0.1:2379, and base classes of oslotest and testtools that it needs nothing of; both are
put in its place here. Prints one line of JSON: the name of each test, and "ok", "skipped" or the error.
"""
import json
import sys
import types
import unittest

port = int(sys.argv[1])


def module(name, **members):
    made = types.ModuleType(name)
    vars(made).update(members)
    sys.modules[name] = made
    return made


base = module("oslotest.base", BaseTestCase=unittest.TestCase)
module("oslotest", base=base)
testcase = module("testtools.testcase", unittest=unittest)
module("testtools", testcase=testcase)

import urllib3  # noqa: E402
from etcd3gw.client import Etcd3Client  # noqa: E402

ask = urllib3.PoolManager.request
urllib3.PoolManager.request = lambda self, method, url, **rest: ask(
    self, method, f"http://{url.replace('2379', str(port))}/version", **rest
)
# The last parameters of the constructor: from port on, and the path of the gateway that etcd has had since 3.4.
Etcd3Client.__init__.__defaults__ = ("127.0.0.1", port, "http", None, None, None, None, "/v3/")


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.all = {}

    def addSuccess(self, test):
        self.all[test.id()] = "ok"

    def addSkip(self, test, reason):
        self.all[test.id()] = "skipped"

    def addError(self, test, err):
        self.all[test.id()] = self._exc_info_to_string(err, test)

    addFailure = addError


result = Result()
unittest.defaultTestLoader.loadTestsFromName("etcd3gw.tests.test_etcd3gw").run(result)
print(json.dumps(result.all))
