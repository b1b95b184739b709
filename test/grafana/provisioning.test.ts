import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'

/** What Grafana reads at its start. */

async function read<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
  const text = await readFile(
    new URL(`../../grafana/provisioning/${path}`, import.meta.url),
    'utf8',
  )
  return schema.parse(parse(text))
}

test('the datasource is a Prometheus that is scraped as often as Grafana believes', async () => {
  const { datasources } = await read(
    'datasources/prometheus.yaml',
    z.strictObject({
      apiVersion: z.literal(1),
      datasources: z.array(
        z.object({ type: z.string(), jsonData: z.object({ timeInterval: z.string() }) }),
      ),
    }),
  )
  const scraping = z.object({ global: z.object({ scrape_interval: z.string() }) })
  const config = await readFile(new URL('../../grafana/prometheus.yml', import.meta.url), 'utf8')
  const { global } = scraping.parse(parse(config))
  assert.deepEqual(
    datasources.map(({ type, jsonData }) => [type, jsonData.timeInterval]),
    [['prometheus', global.scrape_interval]],
  )
})

test('dashboards are read from files, and not changed in the browser', async () => {
  const { providers } = await read(
    'dashboards/expunge.yaml',
    z.strictObject({
      apiVersion: z.literal(1),
      providers: z.array(
        z.strictObject({
          name: z.string(),
          folder: z.string(),
          type: z.literal('file'),
          allowUiUpdates: z.literal(false),
          options: z.strictObject({ path: z.string() }),
        }),
      ),
    }),
  )
  assert.equal(providers.length, 1)
})
