"""SummaryWriter: event files that TensorBoard shows. Neither TensorBoard nor protobuf is needed to write them."""

from .record import RecordWriter
from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
