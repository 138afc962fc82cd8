#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: make a whole set of files, directories, links and removals in one execution."""

from __future__ import annotations

import fnmatch
import grp
import os
import pwd
import shlex
import shutil
import stat
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import RECEIPTS, STEP_OPTION, Receipt, mode_of, sha256_of, write_atomic

DOCUMENTATION = r"""
module: yk8s_files
short_description: Make a set of files, directories, links, modes and removals
description:
  - One execution makes the whole set, because a run costs what its module executions cost.
  - Every file is written beside its place, validated, and renamed; missing parent directories are made.
  - With O(validate) the set is validated as a whole once it is written; files are put back when it is wrong,
    removed directory trees are not.
  - Contents never appear in the result; the diff leaves out entries marked as C(sensitive).
options:
  files:
    description: The set, in order.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The content of a regular file.
        type: str
      state:
        description: V(touch) makes a missing file, empty; V(absent) removes files and directory trees.
        type: str
        choices: [file, directory, link, touch, absent]
        default: file
      mode:
        description: Octal permission bits as a string; 0644 for new files, 0755 for new directories.
        type: str
      owner:
        description: User name or number; root for new ones.
        type: str
      group:
        description: Group name or number; root for new ones.
        type: str
      target:
        description: Where a link points.
        type: str
      validate:
        description: Command that gets the new file in place of C(%s); without a shell.
        type: str
      purge:
        description: Patterns; files of this directory that match one and are not in the set are removed.
        type: list
        elements: str
        default: []
      sensitive:
        description: Leave the content out of the diff.
        type: bool
        default: false
  validate:
    description: Commands that must succeed once a changed set is in place; without a shell.
    type: list
    elements: str
    default: []
  receipt:
    description: The variable C(yk8s_step); C(started) is written first, the files are added to the claims.
    type: dict
  directory:
    description: Where receipts are kept.
    type: path
    default: /var/lib/yk8s/receipts
attributes:
  check_mode:
    description: Nothing is written in check mode; programs that are not installed yet validate nothing then.
    support: full
  diff_mode:
    description: One entry for each path that changes.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Write the configuration of HAProxy
  yk8s_files:
    files:
      - {path: /etc/haproxy/conf.d, state: directory, purge: ["*.cfg"]}
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
    validate: ["haproxy -c -q -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d"]
    receipt: "{{ yk8s_step }}"
  register: haproxy_files
"""

RETURN = r"""
changed_paths:
  description:
    - Paths that were (or in check mode would be) changed.
    - All of them when an earlier run of the step was interrupted, because services may not have read them yet.
  returned: always
  type: list
  elements: str
"""

DIFF_LIMIT = 100_000
FILE_OPTIONS = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "state": {"type": "str", "choices": ["file", "directory", "link", "touch", "absent"], "default": "file"},
    "mode": {"type": "str"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "target": {"type": "str"},
    "validate": {"type": "str"},
    "purge": {"type": "list", "elements": "str", "default": []},
    "sensitive": {"type": "bool", "default": False},
}


class Refused(Exception):
    """The set cannot be made; the text says why."""


class FileSet:
    """Makes entries one by one and remembers how to put everything back."""

    def __init__(self, check_mode):
        self.check_mode = check_mode
        self.changed = []
        self.diffs = []
        self.undo = []

    def make(self, entry, wanted):
        """Bring one entry into its state."""
        getattr(self, "_" + entry["state"])(entry)
        if entry["purge"]:
            self._purge(entry, wanted)

    def roll_back(self):
        """Put back what was there before, newest change first."""
        for restore in reversed(self.undo):
            restore()

    def _touched(self, entry, before, after):
        """Record a change before it is made; returns whether it may be made."""
        path = entry["path"]
        if path not in self.changed:
            self.changed.append(path)
        if not entry["sensitive"]:
            self.diffs.append({"before_header": path, "after_header": path, "before": before, "after": after})
        return not self.check_mode

    def _file(self, entry):
        path = entry["path"]
        if os.path.isdir(path) and not os.path.islink(path):
            raise Refused(f"{path}: is a directory, a file is wanted")
        if entry["content"] is None:
            if not os.path.isfile(path):
                raise Refused(f"{path}: has no content and does not exist")
            self._attributes(entry)
            return
        data = entry["content"].encode()
        old = _read(path)
        if old == data and not os.path.islink(path):
            self._attributes(entry)
            return
        if not self._touched(entry, _text(old), _text(data)):
            self._validate(entry, data)
            return
        self._parents(path)
        self._keep(path, old)
        uid, gid, mode = self._wanted_attributes(entry, path, 0o644)
        check = (lambda name: _run(entry["validate"], path, name)) if entry["validate"] else None
        write_atomic(path, data, mode=mode, uid=uid, gid=gid, check=check)

    def _validate(self, entry, data):
        """In check mode: validate a copy that is not in the directory where it would count."""
        if not entry["validate"] or not shutil.which(shlex.split(entry["validate"])[0]):
            return
        copy = os.path.join("/run", f".yk8s-check-{os.getpid()}-{os.path.basename(entry['path'])}")
        write_atomic(copy, data, mode=0o600)
        try:
            _run(entry["validate"], entry["path"], copy)
        finally:
            os.unlink(copy)

    def _directory(self, entry):
        path = entry["path"]
        if os.path.isdir(path):
            self._attributes(entry)
            return
        if os.path.lexists(path):
            raise Refused(f"{path}: exists and is not a directory")
        if self._touched(entry, "", "directory\n"):
            self._parents(path)
            os.mkdir(path)
            self.undo.append(lambda: os.path.isdir(path) and not os.listdir(path) and os.rmdir(path))
            uid, gid, mode = self._wanted_attributes(entry, path, 0o755)
            os.chown(path, uid, gid)
            os.chmod(path, mode)

    def _link(self, entry):
        path, target = entry["path"], entry["target"]
        if not target:
            raise Refused(f"{path}: a link needs a target")
        if os.path.islink(path) and os.readlink(path) == target:
            return
        if os.path.isdir(path) and not os.path.islink(path):
            raise Refused(f"{path}: is a directory, a link is wanted")
        before = os.readlink(path) + "\n" if os.path.islink(path) else _text(_read(path))
        if self._touched(entry, before, "link to " + target + "\n"):
            self._parents(path)
            self._keep(path, _read(path))
            temporary = path + ".yk8s-new"
            os.symlink(target, temporary)
            os.replace(temporary, path)

    def _touch(self, entry):
        path = entry["path"]
        if os.path.isfile(path):
            self._attributes(entry)
        else:
            self._file(dict(entry, content=""))

    def _absent(self, entry):
        path = entry["path"]
        if not os.path.lexists(path):
            return
        tree = os.path.isdir(path) and not os.path.islink(path)
        if tree and path.rstrip("/").count("/") < 2:
            raise Refused(f"{path}: refusing to remove a top-level directory")
        if self._touched(entry, "directory\n" if tree else _text(_read(path)), ""):
            if tree:
                shutil.rmtree(path)
            else:
                self._keep(path, _read(path))
                os.unlink(path)

    def _purge(self, entry, wanted):
        directory = entry["path"]
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            path = os.path.join(directory, name)
            if path in wanted or (os.path.isdir(path) and not os.path.islink(path)):
                continue
            if any(fnmatch.fnmatch(name, pattern) for pattern in entry["purge"]):
                self._absent(dict(entry, path=path))

    def _attributes(self, entry):
        """Owner, group and mode of something that exists; only what the entry names."""
        path = entry["path"]
        status = os.stat(path)
        now = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
        wanted = self._wanted_attributes(entry, path, now[2])
        if wanted == now:
            return
        if self._touched(entry, _attribute_text(now), _attribute_text(wanted)):
            self.undo.append(lambda: (os.chown(path, now[0], now[1]), os.chmod(path, now[2])))
            os.chown(path, wanted[0], wanted[1])
            os.chmod(path, wanted[2])

    def _wanted_attributes(self, entry, path, default_mode):
        """uid, gid and mode: as the entry says, else as they are, else root and the default."""
        status = os.stat(path) if os.path.exists(path) else None
        uid, gid = (status.st_uid, status.st_gid) if status else (0, 0)
        uid = self._id_of(entry["owner"], pwd.getpwnam, uid)
        gid = self._id_of(entry["group"], grp.getgrnam, gid)
        if entry["mode"]:
            return uid, gid, int(entry["mode"], 8)
        return uid, gid, stat.S_IMODE(status.st_mode) if status else default_mode

    def _id_of(self, name, lookup, default):
        if not name or name.isdigit():
            return int(name) if name else default
        try:
            return lookup(name)[2]
        except KeyError:
            if self.check_mode:  # The package that brings the user is not installed yet.
                return default
            raise Refused(f"there is no user or group {name} on this host") from None

    def _parents(self, path):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)

    def _keep(self, path, old):
        """Remember a file (or that there was none), so that it can be put back."""
        if os.path.islink(path):
            target = os.readlink(path)
            self.undo.append(lambda: (os.path.lexists(path) and os.unlink(path), os.symlink(target, path)))
        elif old is None:
            self.undo.append(lambda: os.path.lexists(path) and os.unlink(path))
        else:
            status = os.stat(path)
            mode, uid, gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
            self.undo.append(lambda: write_atomic(path, old, mode=mode, uid=uid, gid=gid))


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _text(data):
    if data is None:
        return ""
    if len(data) > DIFF_LIMIT or b"\0" in data:
        return f"({len(data)} bytes)\n"
    return data.decode(errors="replace")


def _attribute_text(attributes):
    return "owner {}, group {}, mode {:04o}\n".format(*attributes)


def _run(command, path, name=""):
    """Run a validation; the evidence is the last lines it printed."""
    words = [word.replace("%s", name) for word in shlex.split(command)]
    environment = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    try:
        done = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False, timeout=60
        )
    except FileNotFoundError:
        raise Refused(f"{path}: cannot be validated, {words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"{path}: {words[0]} did not end within 60 s while validating") from None
    if done.returncode:
        output = done.stdout.decode(errors="replace").replace(name or "\0", path).strip().splitlines()
        raise Refused(f"{path}: is not valid, nothing was changed; {words[0]} says: " + "; ".join(output[-5:]))


def claims_of(entries):
    """What a receipt can hold against the host later: hashes of files, and paths that must not exist."""
    files, absent = {}, []
    for entry in entries:
        if entry["state"] == "absent":
            absent.append(entry["path"])
        elif entry["state"] == "file" and os.path.isfile(entry["path"]):
            files[entry["path"]] = {"sha256": sha256_of(entry["path"]), "mode": mode_of(entry["path"])}
    return files, absent


def make_set(module):
    """Make everything; on any failure put everything back and say why."""
    entries = module.params["files"]
    wanted = {entry["path"] for entry in entries if entry["state"] != "absent"}
    files = FileSet(module.check_mode)
    try:
        for entry in entries:
            if not os.path.isabs(entry["path"]):
                raise Refused(f"{entry['path']}: is not an absolute path")
            files.make(entry, wanted)
        for command in module.params["validate"] if files.changed and not module.check_mode else ():
            _run(command, "the new configuration")
    except (Refused, OSError, ValueError) as error:
        files.roll_back()
        report(module.fail_json, module, msg=str(error), changed=False, changed_paths=[])
    return files


def report(answer, module, **result):
    """End the module without repeating the contents it was given."""
    answer(invocation={"module_args": {"files": [entry["path"] for entry in module.params["files"]]}}, **result)


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": FILE_OPTIONS},
            "validate": {"type": "list", "elements": "str", "default": []},
            "receipt": STEP_OPTION,
            "directory": {"type": "path", "default": RECEIPTS},
        },
        supports_check_mode=True,
        no_log=True,
    )
    receipt = Receipt(module.params["receipt"], module.params["directory"]) if module.params["receipt"] else None
    if receipt and not module.check_mode:
        receipt.start()
    files = make_set(module)
    if receipt and not module.check_mode:
        present, absent = claims_of(module.params["files"])
        receipt.add("files", present)
        receipt.add("absent", absent)
        receipt.save()
    interrupted = bool(receipt and receipt.interrupted)
    touched = [entry["path"] for entry in module.params["files"]] if interrupted else files.changed
    report(module.exit_json, module, changed=bool(files.changed), changed_paths=touched, diff=files.diffs)


if __name__ == "__main__":
    main()
