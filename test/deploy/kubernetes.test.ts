import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { parseKeyFile } from '../../src/producer/http/key-file.ts'
import { KUBERNETES, manifestFiles, objectsOf, textOf, yamlOf } from './manifests.ts'

const names = z.object({ name: z.string() })
const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) })
const volume = z.looseObject({
  name: z.string(),
  configMap: names.optional(),
  secret: z.object({ secretName: z.string(), defaultMode: z.number() }).optional(),
  persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
})
const container = z.object({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.object({ name: z.string(), value: z.string() })),
  envFrom: z.array(z.object({ configMapRef: names })).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  resources: z.object({ limits: z.object({ memory: z.string() }) }),
  securityContext: z.unknown(),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
})
const labels = z.record(z.string(), z.string())
const deployment = z.object({
  metadata: names,
  spec: z.object({
    selector: z.object({ matchLabels: labels }),
    template: z.object({
      metadata: z.object({ labels, annotations: labels }),
      spec: z.object({
        serviceAccountName: z.string(),
        automountServiceAccountToken: z.literal(false),
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.looseObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.number(),
          fsGroup: z.number(),
        }),
        containers: z.tuple([container]),
        volumes: z.array(volume),
      }),
    }),
  }),
})

const base = await objectsOf(`${KUBERNETES}/base`)
const example = await objectsOf(`${KUBERNETES}/overlays/example`)
const deployments = base
  .filter(({ kind }) => kind === 'Deployment')
  .map((object) => deployment.parse(object))
const dockerfile = await textOf('Dockerfile')

function nameIn(objects: readonly { kind: string; metadata: { name: string } }[], kind: string) {
  return objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name)
}

test('every manifest is named by a kustomization', async () => {
  const files = await manifestFiles()
  const folders = files.filter((path) => path.endsWith('kustomization.yaml'))
  assert.ok(folders.length >= 4)
  for (const path of files) {
    if (path.endsWith('kustomization.yaml')) continue
    const [folder, name] = [path.slice(0, path.lastIndexOf('/')), path.split('/').at(-1) ?? '']
    const list = await textOf(join(folder, 'kustomization.yaml'))
    assert.ok(list.includes(name), path)
  }
})

test('producer and worker are deployed, each with a disruption budget that lets nodes be drained', () => {
  assert.deepEqual(deployments.map(({ metadata }) => metadata.name).sort(), [
    'expunge-producer',
    'expunge-worker',
  ])
  const budget = z.object({
    spec: z.object({
      maxUnavailable: z.literal(1),
      selector: z.object({ matchLabels: labels }),
    }),
  })
  const budgets = base
    .filter(({ kind }) => kind === 'PodDisruptionBudget')
    .map((object) => budget.parse(object).spec.selector.matchLabels)
  for (const { spec } of deployments) {
    const { matchLabels } = spec.selector
    assert.ok(budgets.some((selected) => JSON.stringify(selected) === JSON.stringify(matchLabels)))
    for (const [label, value] of Object.entries(matchLabels)) {
      assert.equal(spec.template.metadata.labels[label], value)
    }
  }
})

for (const { metadata, spec } of deployments) {
  const { spec: pod, metadata: podMetadata } = spec.template
  const [{ ports, ...main }] = pod.containers

  test(`${metadata.name}: probes, scraping and ports are those of the status server`, () => {
    const metrics = ports.find(({ name }) => name === 'metrics')
    assert.equal(metrics?.containerPort, 9464)
    for (const { containerPort } of ports) {
      assert.match(dockerfile, new RegExp(`^EXPOSE .*\\b${containerPort}\\b`, 'm'))
    }
    assert.deepEqual(main.startupProbe.httpGet, { path: '/healthz', port: 'metrics' })
    assert.deepEqual(main.livenessProbe.httpGet, { path: '/healthz', port: 'metrics' })
    assert.deepEqual(main.readinessProbe.httpGet, { path: '/readyz', port: 'metrics' })
    assert.equal(podMetadata.annotations['prometheus.io/port'], '9464')
    assert.equal(podMetadata.annotations['prometheus.io/path'], '/metrics')
  })

  test(`${metadata.name}: runs as the image's user, confined, with time to hand over`, () => {
    assert.deepEqual(main.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    assert.match(dockerfile, new RegExp(`^USER ${pod.securityContext.runAsUser}:`, 'm'))
    assert.equal(pod.securityContext.fsGroup, pod.securityContext.runAsUser)
    assert.ok(pod.terminationGracePeriodSeconds >= 20)
    assert.ok(nameIn(base, 'ServiceAccount').includes(pod.serviceAccountName))
  })

  test(`${metadata.name}: every volume, secret and setting that it names is there`, () => {
    const volumes = new Map(pod.volumes.map((one) => [one.name, one]))
    assert.deepEqual(main.volumeMounts.map(({ name }) => name).sort(), [...volumes.keys()].sort())
    for (const { secret, persistentVolumeClaim } of volumes.values()) {
      if (secret) {
        assert.ok(nameIn(example, 'Secret').includes(secret.secretName), secret.secretName)
        assert.equal(secret.defaultMode & 0o007, 0)
      }
      if (persistentVolumeClaim) {
        assert.ok(nameIn(base, 'PersistentVolumeClaim').includes(persistentVolumeClaim.claimName))
      }
    }
    for (const { name, value } of main.env) {
      const mount = main.volumeMounts.find(({ mountPath }) => value.startsWith(`${mountPath}/`))
      assert.ok(mount, `${name}: nothing is mounted at ${value}`)
    }
    assert.ok(main.volumeMounts.some(({ mountPath }) => mountPath === '/results'))
    assert.match(dockerfile, /EXPUNGE_RESULTS=\/results$/m)
  })
}

test('secrets are files, and each has the key that the settings name', async () => {
  const secret = z.object({ metadata: names, stringData: labels })
  const keys = example
    .filter(({ kind }) => kind === 'Secret')
    .map((object) => secret.parse(object))
    .flatMap(({ metadata, stringData }) =>
      Object.keys(stringData).map((key) => `${metadata.name}/${key}`),
    )
  assert.deepEqual(keys.sort(), [
    'expunge-http-keys/keys.yaml',
    'expunge-redis/url',
    'expunge-salesforce/client-secret',
  ])
  const set = deployments.flatMap(({ spec }) =>
    spec.template.spec.containers[0].env.map(({ name }) => name),
  )
  assert.ok(!set.some((name) => /SECRET$|^REDIS_URL$|TOKEN$/.test(name)), `${set}`)
  const settings = z.object({ http: z.object({ keys: z.string() }) })
  const { http } = settings.parse(await yamlOf(`${KUBERNETES}/base/expunge.yaml`))
  assert.equal(http.keys, '/run/secrets/http/keys.yaml')
})

test('the example of a key file is one', () => {
  const keys = example.find(({ metadata }) => metadata.name === 'expunge-http-keys')
  const { stringData } = z.object({ stringData: labels }).parse(keys)
  assert.equal(parseKeyFile(stringData['keys.yaml'] ?? '', 'keys.yaml').length, 1)
})

test('results are on storage that several nodes write to', () => {
  const claim = base.find(({ kind }) => kind === 'PersistentVolumeClaim')
  const { spec } = z.object({ spec: z.object({ accessModes: z.array(z.string()) }) }).parse(claim)
  assert.deepEqual(spec.accessModes, ['ReadWriteMany'])
})

test('with results in a bucket, pods share no volume', async () => {
  const folder = `${KUBERNETES}/components/results-bucket`
  const place = z.object({
    valueFrom: z.object({ configMapKeyRef: z.object({ name: z.string(), key: z.string() }) }),
  })
  const gone = z.object({ $patch: z.literal('delete') })
  const patch = z.object({
    metadata: names,
    spec: z.object({
      template: z.object({
        spec: z.object({
          containers: z.tuple([
            z.object({
              name: z.string(),
              env: z.array(z.looseObject({ name: z.string() })),
              volumeMounts: z.tuple([gone.extend({ mountPath: z.string() })]),
            }),
          ]),
          volumes: z.tuple([gone.extend({ name: z.string() })]),
        }),
      }),
    }),
  })
  const claim = gone.extend({ kind: z.string(), metadata: names })
  const { kind, metadata } = claim.parse(await yamlOf(`${folder}/no-claim.yaml`))
  assert.ok(nameIn(base, kind).includes(metadata.name))
  for (const { metadata, spec } of deployments) {
    const name = metadata.name.replace('expunge-', '')
    const patched = patch.parse(await yamlOf(`${folder}/${name}.yaml`))
    assert.equal(patched.metadata.name, metadata.name)
    const { containers, volumes } = patched.spec.template.spec
    const [{ volumeMounts, env, ...main }] = containers
    const pod = spec.template.spec
    assert.equal(main.name, pod.containers[0].name)
    const shared = pod.volumes.filter((one) => one.persistentVolumeClaim !== undefined)
    assert.deepEqual(
      shared.map((one) => one.name),
      volumes.map((one) => one.name),
    )
    const mounted = pod.containers[0].volumeMounts.filter((one) => one.name === volumes[0].name)
    assert.deepEqual(
      mounted.map((one) => one.mountPath),
      volumeMounts.map((one) => one.mountPath),
    )
    const results = place.parse(env.find((one) => one.name === 'EXPUNGE_RESULTS'))
    const { configMapKeyRef } = results.valueFrom
    assert.deepEqual(configMapKeyRef, { name: 'expunge-results', key: 'EXPUNGE_RESULTS' })
  }
})

test('the image is pinned to the version of the package', async () => {
  const { version } = z.object({ version: z.string() }).parse(await yamlOf('package.json'))
  const pins = z.object({ images: z.array(z.object({ name: z.string(), newTag: z.string() })) })
  for (const folder of ['base', 'overlays/example']) {
    const { images } = pins.parse(await yamlOf(`${KUBERNETES}/${folder}/kustomization.yaml`))
    assert.deepEqual(
      images.map(({ name, newTag }) => [name, newTag]),
      [['expunge', version]],
    )
  }
  for (const { spec } of deployments) {
    assert.equal(spec.template.spec.containers[0].image, 'expunge')
  }
})

test('what is scraped through a ServiceMonitor bears the job names that the alerts go by', async () => {
  const monitored = await objectsOf(`${KUBERNETES}/components/prometheus-operator`)
  const monitor = z.object({
    spec: z.object({
      selector: z.object({ matchLabels: labels }),
      endpoints: z.tuple([z.object({ port: z.string(), path: z.string() })]),
    }),
  })
  const service = z.object({
    metadata: z.object({ name: z.string(), labels }),
    spec: z.object({ ports: z.array(z.object({ name: z.string(), port: z.number() })) }),
  })
  const services = [...base, ...monitored]
    .filter(({ kind }) => kind === 'Service')
    .map((object) => service.parse(object))
  const jobs = monitored
    .filter(({ kind }) => kind === 'ServiceMonitor')
    .map((object) => {
      const { selector, endpoints } = monitor.parse(object).spec
      const found = services.filter(({ metadata }) =>
        Object.entries(selector.matchLabels).every(
          ([key, value]) => metadata.labels[key] === value,
        ),
      )
      assert.equal(found.length, 1)
      assert.equal(endpoints[0].path, '/metrics')
      const port = found[0]?.spec.ports.find(({ name }) => name === endpoints[0].port)
      assert.equal(port?.port, 9464)
      return found[0]?.metadata.name
    })
  assert.deepEqual(jobs.sort(), ['expunge-producer', 'expunge-worker'])
})

const peer = z.strictObject({
  namespaceSelector: z.object({ matchLabels: labels.optional() }).optional(),
  podSelector: z
    .object({
      matchExpressions: z.tuple([
        z.object({ key: z.string(), operator: z.literal('In'), values: z.array(z.string()) }),
      ]),
    })
    .optional(),
})
const policy = z.object({
  metadata: names,
  spec: z.object({
    podSelector: z.object({ matchLabels: labels }),
    policyTypes: z.tuple([z.literal('Ingress')]),
    ingress: z.array(
      z.object({
        from: z.tuple([peer]),
        ports: z.array(
          z.object({ protocol: z.literal('TCP'), port: z.union([z.string(), z.number()]) }),
        ),
      }),
    ),
  }),
})

test('metrics are for the monitoring namespace, and Redis for producers and workers alone', () => {
  const policies = new Map(
    base
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map((object) => policy.parse(object))
      .map(({ metadata, spec }) => [metadata.name, spec] as const),
  )
  assert.deepEqual([...policies.keys()].sort(), [
    'expunge-producer',
    'expunge-redis',
    'expunge-worker',
  ])
  const monitoring = { 'kubernetes.io/metadata.name': 'monitoring' }
  for (const { metadata, spec } of deployments) {
    const found = policies.get(metadata.name)
    assert.deepEqual(found?.podSelector.matchLabels, spec.selector.matchLabels)
    const ports = found?.ingress.flatMap(({ ports }) => ports.map(({ port }) => port)) ?? []
    const declared = spec.template.spec.containers[0].ports.map(({ name }) => name)
    assert.deepEqual(ports.sort(), declared.sort())
    const metrics = found?.ingress.find(({ ports }) => ports[0]?.port === 'metrics')
    assert.deepEqual(metrics?.from[0], { namespaceSelector: { matchLabels: monitoring } })
  }
  const redis = policies.get('expunge-redis')
  assert.deepEqual(redis?.podSelector.matchLabels, { 'app.kubernetes.io/name': 'redis' })
  assert.equal(redis?.ingress.length, 1)
  assert.deepEqual(redis?.ingress[0]?.from[0].podSelector?.matchExpressions[0], {
    key: 'app.kubernetes.io/name',
    operator: 'In',
    values: ['expunge-producer', 'expunge-worker', 'redis'],
  })
})

test('every manifest is faultless YAML', async () => {
  for (const path of await manifestFiles()) {
    for (const document of parseAllDocuments(await textOf(path), { merge: true })) {
      assert.deepEqual(document.errors, [], path)
    }
  }
})
