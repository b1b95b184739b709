# One image for all commands: serve, worker and the others.
# Base images are pinned by version. To pin their exact content, add the digest of your registry
# (…-slim@sha256:…).

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages packages
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY scripts/reference scripts/reference
COPY src src
RUN npm run build

# The dependencies of expunge-cli, also the optional ones (buckets, PostgreSQL), without build tools. The
# link to the workspace package is removed, because its target is not in the final image, and so is the
# compiler, which npm takes for optional.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages packages
RUN npm ci --workspace expunge-cli --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/expunge-cli node_modules/typescript node_modules/@typescript

FROM node:24.21.0-bookworm-slim
LABEL org.opencontainers.image.title="expunge" \
  org.opencontainers.image.description="Deletes Salesforce records in bulk: plan first, then apply, every id accounted for." \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
  EXPUNGE_HTTP_HOST=0.0.0.0 \
  EXPUNGE_METRICS_HOST=0.0.0.0 \
  EXPUNGE_RESULTS=/results
WORKDIR /app
# A new volume gets the owner and mode of the folder that it is mounted on.
RUN install -d -o 1000 -g 1000 -m 0700 /results
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY package.json LICENSE ./
# The user `node` of the base image. By number, so that Kubernetes can verify that it is not root.
USER 1000:1000
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
# Health, not readiness: if Redis or Salesforce is unavailable, a restart would not help.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.EXPUNGE_METRICS_PORT || 9464}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/expunge.js"]
CMD ["--help"]
