# SPDX-License-Identifier: BSD-2-Clause
"""zsand, with a state directory of its own for every start."""
import os
import tempfile

from .servers import Server, ServerError, free_port


class Zsand(Server):
    name = "zsan"

    def __init__(self, work, daemon, command, spin=False, reactors=None, data_memory_mib=None):
        super().__init__()
        self.daemon, self.command = daemon, command
        self.spin, self.reactors, self.data_memory_mib = spin, reactors, data_memory_mib
        self.state = tempfile.mkdtemp(prefix="zsand-", dir=work)
        self.log = os.path.join(work, "zsand.log")

    def sync_mode(self, lun):
        return "always" if lun.durable else "disabled"

    def start(self, luns):
        self._configure(luns, free_port())

    def _configure(self, luns, port):
        raise ServerError("zsand can't be configured yet")
