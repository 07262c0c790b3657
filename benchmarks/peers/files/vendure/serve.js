// So many processes that serve, on one port.
const cluster = require('node:cluster');

if (cluster.isPrimary) {
    for (let at = 0; at < Number(process.env.SHOP_WORKERS); at++) {
        cluster.fork();
    }
    cluster.on('exit', () => process.exit(1));
} else {
    const { bootstrap } = require('@vendure/core');
    const { config } = require('./vendure-config.js');
    bootstrap(config).catch(error => {
        console.error(error);
        process.exit(1);
    });
}
