// npm run reference: the page of the command line, from the command table.
import { writeFile } from 'node:fs/promises'
import { commandLinePage } from './reference/page.ts'

await writeFile(new URL('../docs/command-line.md', import.meta.url), commandLinePage())
