#!/usr/bin/env python3
"""What cloud-init makes of user data, without a machine: its own code reads and hands them on, in a scratch folder.

    record-cloud-init.py SOURCES FILE...    SOURCES: the folder of cloud-init 22.4.2's Python package, as Debian 12 installs it

Boothooks are not run and addresses are not fetched, but counted. Needs PyYAML, jinja2, jsonpatch and requests.
"""
import json
import logging
import os
import re
import sys
import tempfile
import types

sys.path.insert(0, sys.argv[1])
for name in ["oauthlib", "oauthlib.oauth1", "configobj", "netifaces"]:  # imported, never called here
    sys.modules[name] = types.ModuleType(name)
sys.modules["oauthlib"].oauth1 = sys.modules["oauthlib.oauth1"]
sys.modules["configobj"].ConfigObj = dict

from cloudinit import handlers, helpers, subp, user_data
from cloudinit.handlers.boot_hook import BootHookPartHandler
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit.handlers.jinja_template import JinjaTemplatePartHandler
from cloudinit.handlers.shell_script import ShellScriptPartHandler
from cloudinit.handlers.shell_script_by_frequency import ShellScriptByFreqPartHandler
from cloudinit.settings import PER_ALWAYS, PER_INSTANCE, PER_ONCE

sys.path.insert(0, "")  # the folder of part handlers, in which cloud-init looks first
PROGRAM = re.compile(rb"#![ \t]*[^ \t\r\n]")  # what the kernel starts


class Warnings(logging.Handler):
    count = 0

    def emit(self, record):
        self.count += record.levelno >= logging.WARNING


class DataSource:
    def get_instance_id(self):
        return "i"


class Response:
    contents = b""
    code = 200

    def ok(self):
        return True


def paths_in(folder):
    paths = helpers.Paths({"cloud_dir": folder + "/cloud", "run_dir": folder + "/run"}, DataSource())
    for path in ["run", "cloud/instance/scripts", "cloud/instances/i/boothooks", "cloud/instances/i/handlers"]:
        os.makedirs(os.path.join(folder, path))
    with open(paths.get_runpath("instance_data_sensitive"), "w") as file:
        json.dump({"v1": {"local_hostname": "vm1"}}, file)
    return paths


def consume(data, paths, seen):
    options = {"paths": paths, "datasource": DataSource()}
    config = CloudConfigPartHandler(**options)
    config._write_cloud_config = lambda: seen.update(config=len(config.file_names))
    rendered = [config, ShellScriptPartHandler(**options), BootHookPartHandler(**options)]
    others = [ShellScriptByFreqPartHandler(each, **options) for each in (PER_ALWAYS, PER_INSTANCE, PER_ONCE)]
    others.append(JinjaTemplatePartHandler(**options, sub_handlers=rendered))
    table = helpers.ContentHandlers()
    for handler in rendered + others:
        table.register(handler, overwrite=False)
    message = user_data.UserDataProcessor(paths).process(data)
    handlers.call_begin(config, None, PER_INSTANCE)
    sys.path[0] = paths.get_ipath("handlers")
    sys.modules.pop("part-handler-000", None)
    state = {
        "handlers": table,
        "handlerdir": paths.get_ipath("handlers"),
        "data": None,
        "frequency": PER_INSTANCE,
        "handlercount": 0,
        "excluded": [],
    }
    handlers.walk(message, handlers.walker_callback, data=state)
    handlers.call_end(config, None, PER_INSTANCE)
    seen["handlers"] = state["handlercount"]


def record(data):
    warnings = Warnings()
    logging.getLogger().handlers = [warnings]
    seen = {"programs": 0, "noPrograms": 0, "config": 0, "handlers": 0, "addresses": 0}

    def start(args, **_):
        with open(args[0], "rb") as file:
            count(file.read())
        return "", ""

    def fetch(url, **_):
        seen["addresses"] += 1
        if not re.match("(https?|ftp|file)://|/", url.lstrip()):
            raise user_data.UrlError(OSError("no address"))
        return Response()

    def count(program):
        seen["programs" if PROGRAM.match(program) else "noPrograms"] += 1

    subp.subp = start
    user_data.read_file_or_url = fetch
    with tempfile.TemporaryDirectory() as folder:
        try:
            consume(data, paths_in(folder), seen)
        except Exception as error:
            seen["raised"] = type(error).__name__
        for where, _, files in os.walk(folder + "/cloud"):
            if "/scripts" in where:
                for name in files:
                    with open(os.path.join(where, name), "rb") as file:
                        count(file.read())
    return {**seen, "warnings": warnings.count}


def main():
    results = {}
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            results[os.path.basename(path)] = record(file.read())
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in results.items())
    print("{\n" + lines + "\n}")


main()
