"""Drives the real binary and speaks to it as real peers do. No test lives here."""

from .admin import Admin, is_alike
from .client import Client
from .process import Process, eventually
from .server import Server, acequia, acequia_worker, run_acequia
from .steady import Steady
from . import zmtp
from .worker import Serving, Worker

__all__ = [
    "Admin",
    "Client",
    "Process",
    "Server",
    "Serving",
    "Steady",
    "Worker",
    "acequia",
    "acequia_worker",
    "eventually",
    "is_alike",
    "run_acequia",
    "zmtp",
]
