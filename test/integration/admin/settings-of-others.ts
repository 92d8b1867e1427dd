// Settings files of the shapes that other programs have.

/** A dynamic configuration of Traefik. */
export const traefik = `
http:
  routers:
    to-shop:
      rule: "Host(\`shop.example\`) && PathPrefix(\`/api\`)"
      entryPoints: [websecure]
      service: shop
      middlewares: [strip, limit]
      priority: 10
      tls:
        certResolver: main
    dashboard:
      rule: "Host(\`traefik.example\`)"
      service: api@internal
      tls: {}
  middlewares:
    strip:
      stripPrefix:
        prefixes: ["/api"]
        forceSlash: false
    limit:
      rateLimit: { average: 100, burst: 50, period: 1s }
  services:
    shop:
      loadBalancer:
        sticky: { cookie: { name: lvl1, secure: true } }
        healthCheck: { path: /health, interval: "10s", timeout: "3s" }
        servers:
          - url: http://10.0.0.1:8080
          - url: http://10.0.0.2:8080
            weight: 2
tls:
  options:
    default:
      minVersion: VersionTLS12
      cipherSuites: []
`

/** An appsettings.json with sections. */
export const appsettings = JSON.stringify(
  {
    Logging: { LogLevel: { Default: 'Information', 'Microsoft.AspNetCore': 'Warning' } },
    ConnectionStrings: { Default: 'Server=db;Database=shop;Trusted_Connection=True;' },
    AllowedHosts: '*',
    Kestrel: {
      Endpoints: {
        Http: { Url: 'http://*:5000' },
        'Https/Main': { Url: 'https://*:5001', SslProtocols: ['Tls12'] },
      },
      Limits: { MaxConcurrentConnections: 100, KeepAliveTimeout: '00:02:00', MinRate: null },
    },
    Features: {
      'New:Checkout': true,
      Percentage: 12.5,
      Version: '1.0',
      Count: '42',
      Flag: 'true',
      None: 'null',
    },
    Empty: {},
    List: [[1, 'a'], { deep: [] }],
  },
  null,
  2,
)

/** An application.yml of Spring: a document for all, and one for a profile. */
export const spring = `
spring:
  application: { name: shop }
  datasource:
    url: jdbc:postgresql://localhost/shop
    hikari: { maximum-pool-size: 10, connection-timeout: 30000 }
server.port: 8080
management:
  endpoints.web.exposure.include: health,info
logging.level:
  root: INFO
  org.hibernate.SQL: DEBUG
---
spring:
  config.activate.on-profile: prod
  datasource:
    hikari: { maximum-pool-size: 50 }
server:
  port: 80
  ssl: { enabled: true }
`

/** A default.json of redis-commander. */
export const redisCommander = JSON.stringify({
  noSave: false,
  noLogData: false,
  ui: {
    sidebarWidth: 250,
    locked: false,
    cliHeight: 320,
    cliOpen: false,
    foldingChar: ':',
    jsonViewAsDefault: 'none',
    binaryAsHex: true,
  },
  redis: {
    readOnly: false,
    flushOnImport: false,
    useScan: true,
    scanCount: 100,
    rootPattern: '*',
    connectionName: 'redis-commander',
    defaultLabel: 'local',
    extraAllowedCommands: [],
  },
  server: {
    address: '0.0.0.0',
    port: 8081,
    urlPrefix: '',
    signinPath: 'signin',
    httpAuth: { username: '', passwordHash: '' },
    clientMaxBodySize: '100kb',
  },
  sso: { enabled: false, jwtAlgorithms: ['HS256', 'HS384', 'HS512'], subject: '' },
  connections: [],
})
