# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel says about CPU time and memory, and what machine this is."""
import functools
import gzip
import os
import platform
import time


class Window:
    """CPU time of our processes and of the whole machine between two moments.

    What remains of the machine's when our processes are taken away is other people's load (and
    that of kernel threads).
    """

    def __init__(self, server_pid, client_pid=None):
        self.pids = {"server": server_pid, "client": client_pid, "driver": os.getpid()}
        self.before = self._read()
        self.after = None

    def _read(self):
        cpu = {who: process_cpu_s(pid) if pid else 0.0 for who, pid in self.pids.items()}
        return time.monotonic(), machine_cpu_s(), cpu

    def close(self):
        self.after = self._read()

    @property
    def seconds(self):
        return self.after[0] - self.before[0]

    def cores(self, who):
        """CPU seconds per second of one of ours: server, client or driver."""
        return (self.after[2][who] - self.before[2][who]) / self.seconds

    @property
    def other_cores(self):
        machine = (self.after[1] - self.before[1]) / self.seconds
        return max(0.0, machine - sum(self.cores(who) for who in self.pids))


def process_cpu_s(pid):
    """utime + stime of all threads, living and ended: /proc/PID/stat, but in nanoseconds."""
    return time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock, see clock_getcpuclockid(3)


def machine_cpu_s():
    """Busy seconds of all CPUs, with interrupt time only if processes are charged for it too."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _idle, _iowait, irq, softirq = map(int, f.readline().split()[1:8])
    busy = user + nice + system + (irq + softirq if interrupts_are_charged() else 0)
    return busy / os.sysconf("SC_CLK_TCK")


@functools.cache
def interrupts_are_charged():
    """Whether a process's CPU time contains the interrupts (on loopback: packets) it met."""
    for path, opener in (("/proc/config.gz", gzip.open), ("/boot/config-" + platform.release(), open)):
        try:
            with opener(path, "rt", encoding="ascii", errors="replace") as f:
                return "CONFIG_IRQ_TIME_ACCOUNTING=y" not in f.read()
        except OSError:
            continue
    return False  # distributions' kernels account for it apart


def _status_mib(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def rss_mib(pid):
    return _status_mib(pid, "VmRSS")


def peak_rss_mib(pid):
    return _status_mib(pid, "VmHWM")


def describe():
    """A few facts that make figures of different machines comparable."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "date": time.strftime("%Y-%m-%d"),
    }
