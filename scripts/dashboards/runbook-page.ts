import { marked } from 'marked'
import { SECTIONS, withoutOtherPages } from './runbooks.ts'

/**
 * docs/operations.md as a web page, a section for each anchor. Prometheus serves it as a console
 * template, beside the alerts that link to it; so braces must not look like one of its actions.
 */
export function runbookPage(): string {
  const sections = SECTIONS.map(({ anchor, text }) => {
    const html = marked.parse(withoutOtherPages(text), { async: false })
    return `<section id="${anchor}">\n${html}</section>`
  })
  return `${HEAD}${sections.join('\n').replaceAll('{{', '{{"{{"}}')}\n</main>\n</html>\n`
}

const HEAD = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Expunge: operations</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0; padding: 1rem; }
  main { max-width: 52rem; margin: auto; }
  pre, code { font: 0.875em/1.5 ui-monospace, monospace; background: rgb(128 128 128 / 15%); }
  pre { padding: 0.75rem; overflow-x: auto; }
  pre code { background: none; font-size: 1em; }
  table { display: block; overflow-x: auto; border-collapse: collapse; }
  td, th { padding: 0.25rem 0.5rem; border: 1px solid rgb(128 128 128 / 40%); text-align: left; }
  section:target > :first-child { background: rgb(255 180 0 / 30%); }
</style>
<main>
<h1>Operations</h1>
`
