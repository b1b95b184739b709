import { readdir, readFile } from 'node:fs/promises'
import { z } from 'zod'

/** The committed dashboards, as far as tests look at them. */

const DIRECTORY = new URL('../../grafana/dashboards/', import.meta.url)

const datasource = z.object({ type: z.string(), uid: z.string() })
const query = z.object({ refId: z.string(), expr: z.string(), datasource })
const place = z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() })

const override = z.object({
  matcher: z.object({ id: z.string(), options: z.string() }),
  properties: z.array(z.object({ id: z.string(), value: z.unknown() })),
})

const panelSchema = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string().default(''),
  description: z.string().default(''),
  gridPos: place,
  /** The shortest step of a graph. */
  interval: z.string().optional(),
  links: z.array(z.object({ url: z.string() })).default([]),
  targets: z.array(query).default([]),
  options: z
    .object({
      /** Of a page of text. */
      content: z.string().optional(),
    })
    .prefault({}),
  fieldConfig: z
    .object({
      defaults: z.object({
        unit: z.string().optional(),
        decimals: z.number().optional(),
        max: z.number().optional(),
        noValue: z.string().optional(),
      }),
      overrides: z.array(override),
    })
    .prefault({ defaults: {}, overrides: [] }),
})

const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), query: z.unknown() })).default([]),
  }),
  annotations: z.object({
    list: z.array(z.object({ name: z.string(), expr: z.string(), datasource })).default([]),
  }),
  panels: z.array(panelSchema),
})

export type DashboardPanel = z.output<typeof panelSchema>

export interface DashboardFile extends z.output<typeof dashboardSchema> {
  readonly name: string
  readonly text: string
}

export async function readDashboards(): Promise<readonly DashboardFile[]> {
  const names = (await readdir(DIRECTORY)).sort()
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, DIRECTORY), 'utf8')
      return { name, text, ...dashboardSchema.parse(JSON.parse(text)) }
    }),
  )
}

/** Those that show numbers: neither the rows' headings nor the pages of text. */
export function graphsOf({ panels }: DashboardFile): readonly DashboardPanel[] {
  return panels.filter(({ type }) => type !== 'row' && type !== 'text')
}
