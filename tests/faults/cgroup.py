"""A control group of the kernel that allows whoever is in it so much memory and no more."""

import glob
import os

HERE = "/sys/fs/cgroup"


def read(*path):
    with open(os.path.join(*path), encoding="ascii") as file:
        return file.read()


def write(text, *path):
    with open(os.path.join(*path), "w", encoding="ascii") as file:
        file.write(text)


class Group:
    """Of the second kind, all controllers in one tree, or of the first, a tree for memory; whichever there is.
    Swap counts as memory."""

    def __init__(self, megabytes):
        self.is_second, parent = place()
        self.path = os.path.join(parent, "courierdns-%d" % os.getpid())
        os.mkdir(self.path)
        try:
            for name, value in self.limits(megabytes << 20):
                # without an account of swap there is no such file
                if os.path.exists(os.path.join(self.path, name)):
                    write("%d" % value, self.path, name)
        except OSError:
            self.close()
            raise

    def limits(self, size):
        if self.is_second:
            return (("memory.max", size), ("memory.swap.max", 0))
        return (("memory.limit_in_bytes", size), ("memory.memsw.limit_in_bytes", size))

    def entering(self):
        """What a command line begins with to be run in it."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', os.path.join(self.path, "cgroup.procs")]

    def highest(self):
        """kB that were in use at most, the kernel's for it among them; where that is not known, now."""
        names = (("memory.peak", "memory.current") if self.is_second else ("memory.max_usage_in_bytes",))
        name = next(name for name in names if os.path.exists(os.path.join(self.path, name)))
        return int(read(self.path, name)) >> 10

    def killed(self):
        """How many processes were ended for want of memory."""
        name = "memory.events" if self.is_second else "memory.oom_control"
        counts = dict(line.split() for line in read(self.path, name).splitlines())
        return int(counts["oom_kill"])

    def close(self):
        os.rmdir(self.path)


def place():
    """(of the second kind?, the folder that groups are made in)."""
    for top in [HERE, *sorted(glob.glob(HERE + "/*"))]:
        if os.path.exists(os.path.join(top, "memory.limit_in_bytes")):
            return False, top
        control = os.path.join(top, "cgroup.subtree_control")
        if os.path.exists(control) and "memory" in read(top, "cgroup.controllers").split():
            if "memory" not in read(control).split():
                write("+memory", control)
            return True, top
    raise OSError("no controller of memory below " + HERE)


def is_here():
    """Whether a group can be made; mostly, whether this is root."""
    try:
        Group(64).close()
    except OSError:
        return False
    return True
