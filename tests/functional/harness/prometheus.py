"""Reads what courierdns writes for Prometheus, as strictly as the format is written down (0.0.4)."""

import re

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]?(?:Inf|[0-9.]+(?:e[+-]?\d+)?))')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
TYPES = ("counter", "gauge", "histogram")


class Metric:
    def __init__(self, name, text):
        self.name, self.help, self.type, self.samples = name, text, None, []

    def add(self, name, labels, number):
        if self.type == "histogram":
            assert name in (self.name + "_bucket", self.name + "_sum", self.name + "_count"), name
        else:
            assert name == self.name, "%s among those of %s" % (name, self.name)
        key = (name, tuple(sorted(labels.items())))
        assert key not in [sample[0] for sample in self.samples], "%s comes twice" % (key,)
        assert number >= 0, (key, number)
        self.samples.append((key, labels, number))

    def check(self):
        assert self.type in TYPES, self.name
        assert (self.type == "counter") == self.name.endswith("_total"), self.name
        if self.type == "histogram":
            for labels in self.label_sets("_count"):
                self.check_histogram(labels)

    def label_sets(self, end=""):
        return [labels for (name, _), labels, _ in self.samples if name == self.name + end]

    def check_histogram(self, labels):
        buckets = [(float(of["le"]), number) for (name, _), of, number in self.samples
                   if name.endswith("_bucket") and {**of, "le": None} == {**labels, "le": None}]
        assert buckets == sorted(buckets), buckets
        assert [number for _, number in buckets] == sorted(number for _, number in buckets)
        assert buckets[-1] == (float("inf"), self.get("_count", **labels)), (buckets, labels)
        assert (self.get("_sum", **labels) > 0) <= (buckets[-1][1] > 0)

    def get(self, end="", **labels):
        """The sum of all numbers that have these labels; 0 where there is none."""
        return sum(number for (name, _), of, number in self.samples
                   if name == self.name + end and labels.items() <= of.items())


class Page(dict):
    """{name without "courierdns_": Metric}"""

    def __init__(self, text):
        super().__init__()
        self.text = text
        metric = None
        assert text.endswith("\n"), text[-100:]
        for line in text.splitlines():
            if line.startswith("# HELP "):
                _, _, name, about = line.split(" ", 3)
                metric = Metric(name, about)
                short = re.sub("^courierdns_", "", name)
                assert short not in self, "%s comes twice" % name
                self[short] = metric
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert metric and name == metric.name and metric.type is None, line
                assert not metric.samples, line
                metric.type = kind
            else:
                match = SAMPLE.fullmatch(line)
                assert match, "not a sample: %r" % line
                name, inside, number = match.groups()
                labels = dict(LABEL.findall(inside or ""))
                said = ",".join('%s="%s"' % one for one in LABEL.findall(inside or ""))
                assert said == (inside or ""), line
                metric.add(name, labels, float(number))
        for metric in self.values():
            metric.check()

    def total(self, name, **labels):
        return self[name].get(**labels)


class Since:
    """What has been counted from one page to another."""

    def __init__(self, before, after):
        self.before, self.after = before, after

    def __call__(self, name, end="", **labels):
        return self.after[name].get(end, **labels) - self.before[name].get(end, **labels)

    def by(self, name, label):
        """{value of that label: count}, of those that were counted"""
        values = {labels[label] for labels in self.after[name].label_sets()}
        counts = {value: self(name, **{label: value}) for value in values}
        return {value: count for value, count in counts.items() if count}
