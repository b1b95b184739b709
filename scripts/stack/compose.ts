import { z } from 'zod'
import { attempt, eventually, run } from './run.ts'

const SANDBOX = ['--env-file', 'deploy/compose/sandbox.env', '--profile', 'sandbox']

const inspected = z.array(
  z.object({
    Name: z.string().transform((name) => name.replace(/^\//, '')),
    Config: z.object({
      User: z.string(),
      Labels: z.object({ 'com.docker.compose.service': z.string() }),
    }),
    HostConfig: z.object({
      ReadonlyRootfs: z.boolean(),
      CapDrop: z.array(z.string()).nullable(),
      Memory: z.number(),
    }),
    State: z.object({
      Status: z.string(),
      ExitCode: z.number(),
      Health: z
        .object({ Status: z.string(), Log: z.array(z.object({ Output: z.string() })).nullable() })
        .optional(),
    }),
    NetworkSettings: z.object({
      Networks: z.record(z.string(), z.object({ IPAddress: z.string() })),
    }),
  }),
)

export interface Container {
  readonly name: string
  readonly service: string
  readonly user: string
  readonly isReadOnly: boolean
  readonly droppedCapabilities: readonly string[]
  readonly memoryLimit: number
  readonly status: string
  readonly exitCode: number
  /** Null without a health check. */
  readonly health: string | null
  /** What the last check said. */
  readonly checked: string
  /** One in each of its networks. */
  readonly addresses: readonly string[]
}

/** The compose file of a checkout with its profile `sandbox`, on one engine. */
export interface Stack {
  /** `docker compose …`; its standard output. */
  compose(...args: readonly string[]): Promise<string>
  docker(...args: readonly string[]): Promise<string>
  /** What a container has said since then, on both of its streams. */
  logs(name: string, since: string): Promise<string>
  containers(service?: string): Promise<readonly Container[]>
  /** Resolves once every container with a health check is healthy. */
  healthy(seconds: number): Promise<readonly Container[]>
}

/** @param files compose files beside docker-compose.yml, later ones on top */
export async function openStack(
  cwd: string,
  env: Readonly<Record<string, string>>,
  files: readonly string[],
): Promise<Stack> {
  const hasPlugin = (await attempt(['docker', 'compose', 'version'], { env })).code === 0
  const command = [
    ...(hasPlugin ? ['docker', 'compose'] : ['docker-compose']),
    ...SANDBOX,
    ...['docker-compose.yml', ...files].flatMap((file) => ['--file', file]),
  ]
  const compose = (...args: readonly string[]) => run([...command, ...args], { cwd, env })
  const docker = (...args: readonly string[]) => run(['docker', ...args], { env })
  const logs = async (name: string, since: string) => {
    const { stdout, stderr } = await attempt(['docker', 'logs', '--since', since, name], { env })
    return stdout + stderr
  }
  const containers = async (service?: string) => {
    const all = (await docker('ps', '--all', '--quiet')).split('\n').filter((id) => id !== '')
    const found = inspected.parse(JSON.parse(await docker('inspect', ...all))).map(container)
    return found.filter((one) => service === undefined || one.service === service)
  }
  const healthy = async (seconds: number) => {
    try {
      return await eventually('every container is healthy', seconds, async () => {
        const all = await containers()
        return all.every(isWell) ? all : null
      })
    } catch (error) {
      const ill = (await containers()).filter((one) => !isWell(one))
      throw new Error(`Not well: ${JSON.stringify(ill, null, 2)}`, { cause: error })
    }
  }
  return { compose, docker, logs, containers, healthy }
}

function isWell({ status, health }: Container): boolean {
  return status === 'running' && (health === null || health === 'healthy')
}

function container(found: z.infer<typeof inspected>[number]): Container {
  const { Name, Config, HostConfig, State, NetworkSettings } = found
  return {
    name: Name,
    service: Config.Labels['com.docker.compose.service'],
    user: Config.User,
    isReadOnly: HostConfig.ReadonlyRootfs,
    droppedCapabilities: HostConfig.CapDrop ?? [],
    memoryLimit: HostConfig.Memory,
    status: State.Status,
    exitCode: State.ExitCode,
    health: State.Health?.Status ?? null,
    checked: State.Health?.Log?.at(-1)?.Output ?? '',
    addresses: Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress),
  }
}
