# The image of every Flotilla service; which one it is, is the command: `scheduler`, `node`, `kv serve`, `api`, or any verb of the CLI.
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The build is a step of its own below; npm would otherwise run it now, before its sources are there.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/build.mjs
COPY cli cli
COPY services services
COPY shared shared
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN ln -s /app/dist/flotilla.js /usr/local/bin/flotilla && mkdir -p /var/lib/flotilla
VOLUME /var/lib/flotilla
ENTRYPOINT ["flotilla"]
CMD ["help"]
