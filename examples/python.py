# Without the library, in Python: `pip install bullmq`. A worker has to be running.
#
#   REDIS_URL=redis://localhost:6379 python3 python.py REQUEST_ID RECORD_ID...
#
# The job ends once the request is accepted or refused. See what becomes of the records with
# `npx expunge status REQUEST_ID`, over HTTP, or give a `callbackUrl`.
import asyncio
import os
import sys

from bullmq import Job, Queue


async def submit(request_id: str, record_ids: list[str]) -> int:
    org = os.environ.get("ORG", "default")
    url = os.environ.get("REDIS_URL", "redis://localhost:6379")
    # Braces and all.
    queue = Queue("requests", {"connection": url, "prefix": "{expunge-" + org + "}"})
    try:
        # Its fields are those of expunge/deletion-request.schema.json. With an id it may be added
        # again: it is not run twice, and other content under the id is refused.
        request = {
            "id": request_id,
            "org": org,
            "object": "Contact",
            "source": {"type": "ids", "ids": record_ids},
            "reason": "example",
        }
        job = await queue.add("deletion-request", request)
        while await queue.getJobState(job.id) not in ("completed", "failed"):
            await asyncio.sleep(0.5)
        ended = await Job.fromId(queue, job.id)
        if ended.failedReason:
            print(ended.failedReason, file=sys.stderr)
            return 1
        print(f"{ended.returnvalue['request']}: {ended.returnvalue['status']}")
        return 0
    finally:
        await queue.close()


if len(sys.argv) < 3:
    print("usage: python3 python.py REQUEST_ID RECORD_ID...", file=sys.stderr)
    sys.exit(2)
sys.exit(asyncio.run(submit(sys.argv[1], sys.argv[2:])))
