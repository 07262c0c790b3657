// The catalogue into an empty database, and into the search index: node fill.js catalogue.json
const { readFileSync, writeFileSync } = require('node:fs');
const {
    JobQueueService,
    LanguageCode,
    RequestContextService,
    SearchService,
    TransactionalConnection,
    bootstrap,
} = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { config } = require('./vendure-config.js');

const quoted = value => `"${String(value).replaceAll('"', '""')}"`;
const pieces = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const columns = [
    ...['name', 'slug', 'description', 'assets', 'facets', 'optionGroups', 'optionValues', 'sku', 'price'],
    ...['taxCategory', 'stockOnHand', 'trackInventory', 'variantAssets', 'variantFacets'],
];

const rows = pieces.flatMap(piece =>
    piece.skus.map((sku, at) => {
        const facets = `garment:${piece.garment}|cloth:${piece.cloth}|colour:${piece.colour}`;
        const slug = piece.name.toLowerCase().replaceAll(' ', '-');
        const of = at === 0 ? [piece.name, slug, piece.description, '', facets, 'size'] : ['', '', '', '', '', ''];
        return [...of, piece.sizes[at], sku, piece.price, 'standard', piece.units, 'true', '', ''];
    }),
);
writeFileSync('catalogue.csv', [columns, ...rows].map(row => row.map(quoted).join(',')).join('\n'));

const initial = {
    defaultLanguage: LanguageCode.en,
    defaultZone: 'Asia',
    countries: [{ name: 'India', code: 'IN', zone: 'Asia' }],
    taxRates: [{ name: 'standard', percentage: 5 }],
    shippingMethods: [{ name: 'Standard', price: 0 }],
    paymentMethods: [{ name: 'Cash on delivery', handler: { code: 'cash', arguments: [] } }],
    collections: [],
};

async function main() {
    const app = await populate(() => bootstrap(config), initial, `${process.cwd()}/catalogue.csv`);
    const { rawConnection } = app.get(TransactionalConnection);
    await rawConnection.query('DELETE FROM job_record'); // one for each product; the one below does it all
    await app.get(JobQueueService).start();
    const ctx = await app.get(RequestContextService).create({ apiType: 'admin' });
    await app.get(SearchService).reindex(ctx);
    const ends = Date.now() + 600_000;
    for (;;) {
        const [{ count }] = await rawConnection.query('SELECT count(*) FROM search_index_item');
        const [{ open }] = await rawConnection.query(
            `SELECT count(*) AS open FROM job_record WHERE state IN ('PENDING', 'RUNNING', 'RETRYING')`,
        );
        if (Number(count) === rows.length && Number(open) === 0) {
            break;
        }
        if (Date.now() > ends) {
            throw new Error(`${count} of ${rows.length} in the index, ${open} jobs open`);
        }
        await new Promise(resolve => setTimeout(resolve, 500));
    }
    await app.close();
    process.exit(0);
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
