# A small image of the server: built with everything, run with only what it needs, and not as root.
FROM node:22-bookworm-slim AS build
WORKDIR /weft
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev && rm -rf dist/test dist/bench dist/examples

FROM node:22-bookworm-slim
# Others reach it, so it refuses to start until it is told who may do what: WEFT_JWT_SECRET, WEFT_JWKS_URL or WEFT_ADMIN_KEY (each also as a file, …_FILE).
# What `weft serve` would start itself again for: freed memory goes back, and that of open documents stays close to their size.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=1234 WEFT_DATA=/data
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=262144 MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /weft
COPY --from=build /weft/package.json ./
COPY --from=build /weft/node_modules ./node_modules
COPY --from=build /weft/dist ./dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 1234
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Stopping commits and hands over what was received: give it longer than the drain window.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/weft/main.js"]
CMD ["serve"]
