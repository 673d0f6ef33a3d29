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

from ._errors import WorkerError
from ._failure import Failure
from ._reply import Reply
from ._worker.job import Job
from .worker import Worker

__all__ = ["Failure", "Job", "Reply", "Worker", "WorkerError"]
__version__ = "0.1.0"
