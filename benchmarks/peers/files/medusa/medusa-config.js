// Medusa in production settings: PostgreSQL, Redis for everything that it can keep there, no admin pages.
const { defineConfig } = require('@medusajs/framework/utils');

const { env } = process;
const redisUrl = env.SHOP_REDIS;

module.exports = defineConfig({
    projectConfig: {
        databaseUrl: env.SHOP_DATABASE_URL,
        databaseDriverOptions: { connection: { ssl: false } },
        redisUrl,
        http: {
            storeCors: 'http://127.0.0.1',
            adminCors: 'http://127.0.0.1',
            authCors: 'http://127.0.0.1',
            jwtSecret: env.SHOP_SECRET,
            cookieSecret: env.SHOP_SECRET,
        },
    },
    admin: { disable: true },
    modules: [
        {
            resolve: '@medusajs/medusa/caching',
            options: {
                providers: [
                    {
                        resolve: '@medusajs/caching-redis',
                        id: 'caching-redis',
                        is_default: true,
                        options: { redisUrl },
                    },
                ],
            },
        },
        { resolve: '@medusajs/medusa/event-bus-redis', options: { redisUrl } },
        { resolve: '@medusajs/medusa/workflow-engine-redis', options: { redis: { redisUrl } } },
        {
            resolve: '@medusajs/medusa/locking',
            options: {
                providers: [
                    {
                        resolve: '@medusajs/medusa/locking-redis',
                        id: 'locking-redis',
                        is_default: true,
                        options: { redisUrl },
                    },
                ],
            },
        },
    ],
});
