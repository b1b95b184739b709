"""simple-salesforce as its manual has it: the file by its path, then every result read."""
import os
import sys

from simple_salesforce import Salesforce

instance = os.environ["INSTANCE_URL"]
salesforce = Salesforce(
    instance_url=instance, session_id=os.environ["ACCESS_TOKEN"], version="61.0"
)
# It makes an https address of any instance; the sandbox has http.
salesforce.bulk2_url = f"{instance}/services/data/v61.0/jobs/"
contacts = salesforce.bulk2.Contact
job = contacts.delete(csv_file=sys.argv[1], wait=1)["job_id"]
results = (
    contacts.get_successful_records(job),
    contacts.get_failed_records(job),
    contacts.get_unprocessed_records(job),
)
print(sum(max(0, len(text.splitlines()) - 1) for text in results))
