# The image of Expunge: one image, and the command says what it is: serve, worker, or any other.
# Base images are pinned by version. A digest (…-slim@sha256:…) pins them to the byte; it is left
# out here because it has to be read from the registry that you pull from.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages packages
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN npm run build

# What expunge-cli depends on, without build tools, and without the Node of packages/node, which the
# image has already. The links to the packages would lead nowhere.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages packages
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && rm node_modules/expunge-*

FROM node:24.21.0-bookworm-slim
LABEL org.opencontainers.image.title="expunge" \
  org.opencontainers.image.description="Deletes Salesforce records in bulk: plan first, then apply, every id accounted for." \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
  EXPUNGE_HTTP_HOST=0.0.0.0 \
  EXPUNGE_METRICS_HOST=0.0.0.0 \
  EXPUNGE_RESULTS=/results
WORKDIR /app
# A new volume takes over owner and mode of the folder that it is mounted on.
RUN install -d -o 1000 -g 1000 -m 0700 /results
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY package.json LICENSE ./
# By number, so that Kubernetes can tell that it is not root. It is the base image's user `node`.
USER 1000:1000
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
# Health, not readiness: a process that waits for Redis or Salesforce is not mended by a restart.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.EXPUNGE_METRICS_PORT || 9464}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/expunge.js"]
CMD ["--help"]
