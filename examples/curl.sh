#!/usr/bin/env bash
# Over HTTP, with curl 7.76 or newer alone: submit a list, upload a CSV, follow both, fetch what failed.
#
#   EXPUNGE_URL=http://localhost:8080 EXPUNGE_KEY=… bash examples/curl.sh REQUEST_ID CSV_FILE RECORD_ID
#
# The service (npx expunge serve) and a worker (npx expunge worker) have to be running. The key needs
# the roles submit and read; a service without a key file needs none.
set -euo pipefail
shopt -s inherit_errexit

if (($# != 3)); then
  echo 'usage: bash examples/curl.sh REQUEST_ID CSV_FILE RECORD_ID' >&2
  exit 2
fi
id=$1 csv=$2 record=$3
requests=${EXPUNGE_URL:-http://localhost:8080}/v1/deletion-requests
org=${ORG:-default}

# The key goes in by a pipe: arguments can be read by every user of the machine.
call() {
  curl --silent --show-error --retry 3 "$@" \
    --config <([[ -z ${EXPUNGE_KEY:-} ]] || printf 'header = "Authorization: Bearer %s"\n' "$EXPUNGE_KEY")
}

# What is no success ends the script, with the problem that the service names.
api() {
  call --fail-with-body "$@"
}

# Prints the status once it is terminal.
follow() {
  local view status
  while true; do
    view=$(api "$requests/$1?org=$org")
    # The first "status" of the answer is the request's own.
    [[ $view =~ \"status\":\"([a-z-]+)\" ]]
    status=${BASH_REMATCH[1]}
    case $status in
      queued | planning | deleting) sleep 1 ;;
      awaiting-approval) echo "$1 awaits approval: POST $requests/$1/approve" >&2 && sleep 5 ;;
      *) echo "$status" && return ;;
    esac
  done
}

# A few ids, as JSON. The id makes it safe to repeat: 202 at first, 200 where it is there already.
api "$requests" --header 'Content-Type: application/json' --output /dev/null --data @- <<JSON
{"id": "$id-list", "org": "$org", "object": "Contact", "source": {"type": "ids", "ids": ["$record"]}}
JSON
status=$(follow "$id-list")
echo "$id-list: $status"

# A CSV of any size, with the options in the query string; rows that are no ids are skipped and reported.
api "$requests/csv?id=$id-csv&org=$org&object=Contact&onInvalid=skip" --output /dev/null \
  --header 'Content-Type: text/csv' --request POST --upload-file "$csv"
status=$(follow "$id-csv")
echo "$id-csv: $status"

# Result files: failed.csv, unprocessed.csv, invalid.csv. One without rows does not exist (404).
for file in failed unprocessed invalid; do
  to=$id-csv-$file.csv
  code=$(call "$requests/$id-csv/results/$file.csv?org=$org" --output "$to" --write-out '%{http_code}')
  case $code in
    200) echo "$to: $(($(wc -l <"$to") - 1)) rows" ;;
    404) rm "$to" ;;
    *) cat "$to" >&2 && exit 1 ;;
  esac
done
