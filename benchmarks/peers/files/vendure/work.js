// The process that does what waits in the job queue.
const { bootstrapWorker } = require('@vendure/core');
const { config } = require('./vendure-config.js');

bootstrapWorker(config)
    .then(worker => worker.startJobQueue())
    .catch(error => {
        console.error(error);
        process.exit(1);
    });
