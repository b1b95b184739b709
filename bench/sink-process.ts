import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { firstLine } from './sandbox-process.ts'

/** Reads every request to its end and answers 201, or says which org it is if asked. */
const SERVER = `
  const server = require('node:http').createServer((call, answer) => {
    const isAsked = call.url.endsWith('/userinfo')
    const body = isAsked ? JSON.stringify({ organization_id: '00D5f0000000001EAA' }) : ''
    call.resume().once('end', () => answer.writeHead(isAsked ? 200 : 201).end(body))
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`

/** A server that does nothing with what it gets, in a process of its own. */
export async function startSink(): Promise<{
  readonly url: string
  stop(): Promise<void>
}> {
  const child = spawn(execPath, ['-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = Number(await firstLine(child.stdout))
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill()
      await once(child, 'exit')
    },
  }
}
