import { id18, ids18 } from '../../helpers/ids.ts'
import {
  counters,
  failedRows,
  HTML,
  JOB,
  MAINTENANCE_PAGE,
  PATH,
  read,
  TEXT_CSV,
} from '../bodies.ts'
import type { Exchange } from '../replay.ts'
import type { CallScenario, JobResult, JobScenario } from '../scenario.ts'

const FAILED = `GET ${PATH}/failedResults`
const GONE = 'ENTITY_IS_DELETED:entity is deleted:--'

/** A complete job of three rows with one failure, whose file is this. */
export function oneFailed(
  title: string,
  file: Omit<Exchange, 'request' | 'status'>,
  gives: JobResult,
): JobScenario {
  return {
    title,
    from: { step: 'collect', jobId: JOB },
    exchanges: [
      { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 1)) },
      { request: FAILED, status: 200, headers: TEXT_CSV, ...file },
    ],
    gives,
  }
}

const ONE_GONE: JobResult = { outcome: { deleted: 2, alreadyGone: 1 } }
const ROW = `"","${GONE}","${id18(1)}"`

export const RESULT_FILES: readonly (CallScenario | JobScenario)[] = [
  oneFailed(
    'every value quoted, the echoed header not',
    { body: failedRows([id18(1), GONE]) },
    ONE_GONE,
  ),
  oneFailed(
    'CRLF line ends are line ends',
    { body: `"sf__Id","sf__Error",Id\r\n${ROW}\r\n` },
    ONE_GONE,
  ),
  oneFailed(
    'nothing quoted that need not be',
    { body: `sf__Id,sf__Error,Id\n,${GONE},${id18(1)}\n` },
    ONE_GONE,
  ),
  oneFailed(
    'columns in the order of the documentation are found by name',
    { body: `"sf__Error","sf__Id",Id\n"${GONE}","","${id18(1)}"\n` },
    ONE_GONE,
  ),
  oneFailed(
    'no line end after the last row',
    { body: `"sf__Id","sf__Error",Id\n${ROW}` },
    ONE_GONE,
  ),
  oneFailed(
    'charset and disposition in the headers change nothing',
    {
      headers: {
        'content-type': 'text/csv; charset=UTF-8',
        'content-disposition': 'attachment; filename=failed.csv',
      },
      body: failedRows([id18(1), GONE]),
    },
    ONE_GONE,
  ),
  oneFailed(
    'a text with quotes, commas and line ends is one field',
    { body: failedRows([id18(1), 'DELETE_FAILED:case "A, B"\nand others:--']) },
    { outcome: { deleted: 2, failed: 1 }, failures: { DELETE_FAILED: 1 } },
  ),
  {
    title: 'empty files of a job of which nothing is counted send all its rows again',
    from: { step: 'collect', jobId: JOB },
    exchanges: [
      { request: `GET ${PATH}`, status: 200, body: read('Aborted', 66, counters(0, 0)) },
      { request: FAILED, status: 204 },
      { request: `GET ${PATH}/successfulResults`, status: 200, headers: TEXT_CSV, body: '' },
    ],
    gives: { again: 3, state: 'Aborted' },
  },
  {
    title: 'a page with 200 is no result file',
    call: 'failedResults',
    exchanges: [{ request: FAILED, status: 200, times: 4, headers: HTML, body: MAINTENANCE_PAGE }],
    gives: { error: { kind: 'org-fault', code: 'NOT_CSV', judged: 'org-fault' } },
  },
  {
    title: 'unprocessed rows come raw, quotes as they were sent',
    call: 'unprocessedRecords',
    exchanges: [
      {
        request: `GET ${PATH}/unprocessedrecords`,
        status: 200,
        headers: TEXT_CSV,
        body: `Id\n"${id18(0)}"\n${ids18(2, 1).join('\n')}\n`,
      },
    ],
    gives: { value: `Id\n"${id18(0)}"\n${ids18(2, 1).join('\n')}\n` },
  },
]
