"""What a profile saw: single events, sums of events of one name, and their table."""

import json
import os

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg"]


def _time_text(us: float) -> str:
    """A time in microseconds, as PyTorch's tables write it."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


class FunctionEvent:
    """One call: its name, its start and end in microseconds, the calls made within."""

    def __init__(self, name: str, start: float, thread: int, device: str = "CPU"):
        self.name = self.key = name
        self.start = start
        self.end = start
        self.thread = thread
        self.device_type = device
        self.count = 1
        self.children_time = 0.0
        self.depth = 0

    @property
    def cpu_time_total(self) -> float:
        """Microseconds of the call."""
        return self.end - self.start if self.device_type == "CPU" else 0.0

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of the call outside of those made within."""
        return self.cpu_time_total - self.children_time

    @property
    def device_time_total(self) -> float:
        """Microseconds of a kernel on the GPU."""
        return self.end - self.start if self.device_type != "CPU" else 0.0

    cpu_time = cpu_time_total
    self_device_time_total = cuda_time_total = device_time_total

    def __repr__(self):
        return f"<FunctionEvent name={self.name} cpu_time={_time_text(self.cpu_time_total)} thread={self.thread}>"


class FunctionEventAvg:
    """All calls of one name together."""

    def __init__(self, key: str):
        self.key = key
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = self.device_time_total = 0.0

    def add(self, event) -> "FunctionEventAvg":
        """Count an event, or the sum of others, in."""
        self.count += event.count
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.device_time_total += event.device_time_total
        return self

    @property
    def self_device_time_total(self) -> float:
        """Microseconds of kernels on the GPU."""
        return self.device_time_total

    @property
    def cpu_time(self) -> float:
        """Microseconds of a call, on average."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        """Microseconds of a kernel, on average."""
        return self.device_time_total / self.count if self.count else 0.0

    cuda_time_total = self_cuda_time_total = self_device_time_total

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={_time_text(self.self_cpu_time_total)} "
            f"cpu_time={_time_text(self.cpu_time)} self_cuda_time={_time_text(self.device_time_total)} "
            f"cuda_time={_time_text(self.device_time)} count={self.count}>"
        )


_COLUMNS = ("Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls")
_GPU_COLUMNS = ("GPU total", "GPU time avg")


class EventList(list):
    """Events, or sums of events, with their table."""

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """The events of each name summed."""
        sums: dict[str, FunctionEventAvg] = {}
        for event in self:
            sums.setdefault(event.key, FunctionEventAvg(event.key)).add(event)
        return EventList(sums.values())

    def total_average(self) -> FunctionEventAvg:
        """All events summed."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events."""
        return sum(event.self_cpu_time_total for event in self)

    def table(
        self,
        sort_by=None,
        row_limit=100,
        max_src_column_width=75,
        max_name_column_width=55,
        max_shapes_column_width=80,
        header=None,
        top_level_events_only=False,
    ) -> str:
        """The table, sorted by an attribute such as "cpu_time_total" or "self_cuda_time_total", the largest first."""
        events = list(self)
        if sort_by is not None:
            attribute = sort_by.replace("cuda", "device")
            events.sort(key=lambda event: getattr(event, attribute), reverse=True)
        total = self.self_cpu_time_total
        on_gpu = any(event.device_time_total for event in events)
        rows = []
        for event in events[:row_limit] if row_limit >= 0 else events:
            name = event.key
            if max_name_column_width is not None and len(name) >= max_name_column_width - 3:
                name = name[: max_name_column_width - 3] + "..."
            mean = event.cpu_time_total / event.count if event.count else 0.0
            row = [
                name,
                f"{100 * event.self_cpu_time_total / total if total else 0:.2f}%",
                _time_text(event.self_cpu_time_total),
                f"{100 * event.cpu_time_total / total if total else 0:.2f}%",
                _time_text(event.cpu_time_total),
                _time_text(mean),
            ]
            if on_gpu:
                row += [_time_text(event.device_time_total), _time_text(event.device_time_total / event.count)]
            rows.append([*row, str(event.count)])
        heads = ["Name", *_COLUMNS[:-1], *(_GPU_COLUMNS if on_gpu else ()), _COLUMNS[-1]]
        wide = max([len("Name"), *(len(row[0]) for row in rows)])
        widths = [wide + 2 if wide < (max_name_column_width or wide + 2) else wide, *[12] * (len(heads) - 1)]
        rule = "  ".join("-" * width for width in widths) + "  "
        lines = [rule, "  ".join(head.rjust(width) for head, width in zip(heads, widths)) + "  ", rule]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) + "  " for row in rows]
        lines += [rule, f"Self CPU time total: {_time_text(total)}"]
        if on_gpu:
            lines.append(f"Self GPU time total: {_time_text(sum(event.device_time_total for event in events))}")
        if header is not None:
            lines.insert(0, header)
        return "\n".join(lines) + "\n"

    def __str__(self):
        return self.table()

    def export_chrome_trace(self, path) -> None:
        """Write the events as a trace for chrome://tracing or Perfetto."""
        process = os.getpid()
        events = [
            {
                "ph": "X",
                "cat": "cpu_op" if event.device_type == "CPU" else "kernel",
                "name": event.name,
                "pid": process if event.device_type == "CPU" else "GPU",
                "tid": event.thread,
                "ts": event.start,
                "dur": event.end - event.start,
            }
            for event in self
        ]
        trace = {"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": events}
        if str(path).endswith(".gz"):
            import gzip

            with gzip.open(path, "wt") as file:
                json.dump(trace, file)
        else:
            with open(path, "w") as file:
                json.dump(trace, file)
