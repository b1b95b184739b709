// npm run dashboards: scripts/dashboards/ → grafana/dashboards. The files are committed, so that
// Grafana needs nothing but them; a test says when they are out of date.
import { writeFile } from 'node:fs/promises'
import { dashboardFiles } from './dashboards/all.ts'

for (const [name, text] of dashboardFiles()) {
  await writeFile(new URL(`../grafana/dashboards/${name}`, import.meta.url), text)
}
