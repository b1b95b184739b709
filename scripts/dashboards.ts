// npm run dashboards: scripts/dashboards/ and docs/operations.md → grafana/dashboards and
// grafana/runbooks. The files are committed, so that Grafana and Prometheus need nothing but them; a
// test says when they are out of date.
import { writeFile } from 'node:fs/promises'
import { madeFiles } from './dashboards/all.ts'

for (const [path, text] of madeFiles()) {
  await writeFile(new URL(`../grafana/${path}`, import.meta.url), text)
}
