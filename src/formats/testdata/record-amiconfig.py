#!/usr/bin/env python3
"""What amiconfig makes of user data, without a machine: its own shell function and its own parser read them.

    record-amiconfig.py CHECKOUT FILE...    CHECKOUT: of cernvm/amiconfig

The scripts in the data are run. Needs bash, and a Python 2.7 called python2.
"""
import json
import os
import subprocess
import sys

CHECKOUT = sys.argv[1]
SECTIONS = ["amiconfig", "cernvm", "hepix"]
RUN = """
eval "$(sed -n '/^RunUserDataScript()/,/^}/p' "$1")"
LOGGER=: PIPELOGGER=cat AMICONFIG_LOCAL_USER_DATA=$2
RunUserDataScript before
RunUserDataScript after
"""
PARSE = """
import json, sys, types
sys.modules['amiconfig'] = types.ModuleType('amiconfig')
sys.modules['amiconfig.errors'] = types.ModuleType('amiconfig.errors')
sys.modules['amiconfig.errors'].EC2DataRetrievalError = IOError
module = {}
exec(compile(open(sys.argv[1]).read(), 'userdata.py', 'exec'), module)
class Data:
    def getUserData(self):
        return open(sys.argv[2]).read()
def keys(name):
    try:
        return sorted(key for key in data.getSection(name) if key != '__name__')
    except Exception as error:
        return type(error).__name__
data = module['UserData'](Data())
print(json.dumps(dict((name, keys(name)) for name in json.loads(sys.argv[3]))))
"""


def record(path):
    function = os.path.join(CHECKOUT, "hepix/commands/amiconfig.sh")
    parser = os.path.join(CHECKOUT, "rpath/amiconfig/userdata.py")
    run = subprocess.run(["bash", "-c", RUN, "bash", function, path], capture_output=True, text=True, errors="replace")
    said = (run.stdout + run.stderr).splitlines()
    parsed = subprocess.run(["python2", "-c", PARSE, parser, path, json.dumps(SECTIONS)], capture_output=True, check=True)
    keys = {name: found for name, found in json.loads(parsed.stdout).items() if found}
    return {"ran": "the script ran" in said, "complaints": len([line for line in said if "the script ran" not in line]), "keys": keys}


lines = [f"  {json.dumps(os.path.basename(path))}: {json.dumps(record(path))}" for path in sys.argv[2:]]
print("{\n" + ",\n".join(lines) + "\n}")
