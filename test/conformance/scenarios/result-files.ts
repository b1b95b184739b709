import { id15, id18, ids18 } from '../../helpers/ids.ts'
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
  oneFailed(
    'a byte order mark is no part of the first column',
    { body: `\uFEFF${failedRows([id18(1), GONE])}` },
    ONE_GONE,
  ),
  oneFailed(
    'a byte order mark before a header without quotes is none either',
    { body: `\uFEFFsf__Id,sf__Error,Id\r\n,${GONE},${id18(1)}\r\n` },
    ONE_GONE,
  ),
  oneFailed(
    'a header in another case is the same header',
    { body: `"SF__ID","SF__ERROR",ID\n${ROW}\n` },
    ONE_GONE,
  ),
  oneFailed(
    'sf__Id is the id where no Id is echoed',
    { body: `"sf__Id","sf__Error"\n"${id18(1)}","${GONE}"\n` },
    ONE_GONE,
  ),
  oneFailed(
    'sf__Id is the id where the echoed one is empty',
    { body: `"sf__Id","sf__Error",Id\n"${id18(1)}","${GONE}",""\n` },
    ONE_GONE,
  ),
  oneFailed(
    'failures of v52 and before have no sf__Id',
    { body: `"sf__Error",Id\n"${GONE}","${id18(1)}"\n` },
    ONE_GONE,
  ),
  oneFailed(
    'ids of 15 characters are those that were sent',
    { body: failedRows([id15(1), GONE]) },
    ONE_GONE,
  ),
  oneFailed(
    'a file that is announced as HTML is read all the same',
    { headers: HTML, body: failedRows([id18(1), GONE]) },
    ONE_GONE,
  ),
  {
    title: 'successes without an echoed Id count by their sf__Id',
    from: { step: 'collect', jobId: JOB },
    exchanges: [
      { request: `GET ${PATH}`, status: 200, body: read('Aborted', 66, counters(2, 0)) },
      { request: FAILED, status: 200, headers: TEXT_CSV, body: failedRows() },
      {
        ...{ request: `GET ${PATH}/successfulResults`, status: 200, headers: TEXT_CSV },
        body: `\uFEFF"sf__Id","sf__Created"\n"${id18(0)}","false"\n"${id18(2)}","false"\n`,
      },
    ],
    gives: { outcome: { deleted: 2 }, again: 1, state: 'Aborted' },
  },
  {
    title: 'another delimiter than the job has is not believed',
    from: { step: 'collect', jobId: JOB },
    exchanges: [
      ...Array.from({ length: 6 }, () => [
        { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 1)) },
        {
          request: FAILED,
          status: 200,
          body: `"sf__Id";"sf__Error";Id\n"";"${GONE}";"${id18(1)}"\n`,
        },
      ]).flat(),
      { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 1)) },
    ],
    gives: { outcome: { unprocessed: 3 }, error: 'RESULT_FORMAT' },
  },
  {
    title: 'JSON with 200 is no result file',
    call: 'failedResults',
    exchanges: [{ request: FAILED, status: 200, headers: TEXT_CSV, body: ' {"records":[]}' }],
    gives: { error: { kind: 'org-fault', code: 'NOT_CSV', judged: 'org-fault' } },
  },
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
