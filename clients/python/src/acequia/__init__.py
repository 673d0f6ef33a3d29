"""Workers and clients of Acequia.

A worker serves queues with functions:

```python
from acequia import Job, Worker

worker = Worker(slots=8)

@worker.queue("shout")
def shout(job: Job) -> str:
    return job.data.upper()

worker.run()
```
"""

from typing import TYPE_CHECKING, Any

from ._client.status import Status
from ._errors import (
    AcequiaError,
    JobCancelled,
    JobFailed,
    Problem,
    StillRunning,
    Unreachable,
    WorkerError,
)
from ._failure import Failure
from ._reply import Reply
from ._worker.job import Job
from .client import Client, JobHandle
from .worker import Worker

if TYPE_CHECKING:
    from .aio import AsyncClient, AsyncJobHandle

__all__ = [
    "AcequiaError",
    "AsyncClient",
    "AsyncJobHandle",
    "Client",
    "Failure",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobHandle",
    "Problem",
    "Reply",
    "Status",
    "StillRunning",
    "Unreachable",
    "Worker",
    "WorkerError",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # What needs a package that not everybody has is imported when it is asked for.
    if name in ("AsyncClient", "AsyncJobHandle"):
        from . import aio

        return getattr(aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
