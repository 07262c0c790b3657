// Vendure in production settings: PostgreSQL, Redis for its cache and sessions, jobs in the database.
const {
    DefaultJobQueuePlugin,
    DefaultLogger,
    DefaultSearchPlugin,
    LanguageCode,
    LogLevel,
    PaymentMethodHandler,
    RedisCachePlugin,
} = require('@vendure/core');

const { env } = process;

// Paid when it is delivered: authorized at once, which is when Vendure allocates stock.
const cash = new PaymentMethodHandler({
    code: 'cash',
    description: [{ languageCode: LanguageCode.en, value: 'Cash on delivery' }],
    args: {},
    createPayment: (ctx, order, amount) => ({ amount, state: 'Authorized', metadata: {} }),
    settlePayment: () => ({ success: true }),
});

exports.config = {
    logger: new DefaultLogger({ level: LogLevel.Warn }),
    apiOptions: { hostname: '127.0.0.1', port: Number(env.SHOP_PORT), trustProxy: false },
    authOptions: {
        tokenMethod: ['bearer', 'cookie'],
        superadminCredentials: { identifier: 'superadmin', password: env.SHOP_SECRET },
        cookieOptions: { secret: env.SHOP_SECRET },
    },
    dbConnectionOptions: {
        type: 'postgres',
        host: env.SHOP_DATABASE_FOLDER,
        username: env.SHOP_DATABASE_USER,
        password: '',
        database: env.SHOP_DATABASE,
        synchronize: env.SHOP_FILLING === 'yes',
        logging: false,
        poolSize: 20,
    },
    paymentOptions: { paymentMethodHandlers: [cash] },
    plugins: [
        DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
        DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
        RedisCachePlugin.init({
            redisOptions: { host: '127.0.0.1', port: Number(new URL(env.SHOP_REDIS).port) },
        }),
    ],
};
