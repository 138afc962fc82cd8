"""The playbooks of a run share the modules that Ansible packs for the hosts.

Each `ansible-playbook` keeps them in a folder of its own otherwise, and packs every module anew: 0.2 s of CPU each,
with what it imports. The files are locked while they are written, and renamed into place (ansible-core,
`module_common.py`).
"""

from __future__ import annotations

import contextlib
import os

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: yk8s_shared_modules
type: aggregate
short_description: Share packed modules between the playbooks of a run
description:
  - Links the folder for packed modules to the one in the environment variable E(YK8S_SHARED_MODULES).
"""


class CallbackModule(CallbackBase):
    """Links the folder before the first task needs it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "yk8s_shared_modules"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        """Without the link everything works as well, only slower."""
        with contextlib.suppress(OSError):
            os.symlink(os.environ["YK8S_SHARED_MODULES"], os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache"))
