// The catalogue into an empty database: medusa exec ./fill.js
const { readFileSync } = require('node:fs');
const { ContainerRegistrationKeys, Modules, ProductStatus } = require('@medusajs/framework/utils');
const flows = require('@medusajs/medusa/core-flows');

const BATCH = 25;
const INDIA = 'in';
const CURRENCY = 'inr';

module.exports.default = async function fill({ container }) {
    const link = container.resolve(ContainerRegistrationKeys.LINK);
    const query = container.resolve(ContainerRegistrationKeys.QUERY);
    const fulfillment = container.resolve(Modules.FULFILLMENT);
    const run = async (name, input) => (await flows[name](container).run({ input })).result;

    const [channel] = await run('createSalesChannelsWorkflow', { salesChannelsData: [{ name: 'Shop' }] });
    const [region] = await run('createRegionsWorkflow', {
        regions: [
            { name: 'India', currency_code: CURRENCY, countries: [INDIA], payment_providers: ['pp_system_default'] },
        ],
    });
    await run('createTaxRegionsWorkflow', [{ country_code: INDIA, provider_id: 'tp_system' }]);
    const [location] = await run('createStockLocationsWorkflow', {
        locations: [{ name: 'House', address: { city: 'Bengaluru', country_code: 'IN', address_1: '' } }],
    });
    const at = { [Modules.STOCK_LOCATION]: { stock_location_id: location.id } };
    await link.create({ ...at, [Modules.FULFILLMENT]: { fulfillment_provider_id: 'manual_manual' } });
    const [profile] = await run('createShippingProfilesWorkflow', { data: [{ name: 'Parcels', type: 'default' }] });
    const set = await fulfillment.createFulfillmentSets({
        name: 'From the house',
        type: 'shipping',
        service_zones: [{ name: 'India', geo_zones: [{ country_code: INDIA, type: 'country' }] }],
    });
    await link.create({ ...at, [Modules.FULFILLMENT]: { fulfillment_set_id: set.id } });
    await run('createShippingOptionsWorkflow', [
        {
            name: 'Standard',
            price_type: 'flat',
            provider_id: 'manual_manual',
            service_zone_id: set.service_zones[0].id,
            shipping_profile_id: profile.id,
            type: { label: 'Standard', description: 'In some days', code: 'standard' },
            prices: [{ currency_code: CURRENCY, amount: 0 }],
            rules: [
                { attribute: 'enabled_in_store', value: 'true', operator: 'eq' },
                { attribute: 'is_return', value: 'false', operator: 'eq' },
            ],
        },
    ]);
    await run('linkSalesChannelsToStockLocationWorkflow', { id: location.id, add: [channel.id] });
    const [key] = await run('createApiKeysWorkflow', {
        api_keys: [{ title: 'Shop', type: 'publishable', created_by: '' }],
    });
    await run('linkSalesChannelsToApiKeyWorkflow', { id: key.id, add: [channel.id] });

    const pieces = JSON.parse(readFileSync('catalogue.json', 'utf8'));
    for (let from = 0; from < pieces.length; from += BATCH) {
        await run('createProductsWorkflow', {
            products: pieces.slice(from, from + BATCH).map(piece => ({
                title: piece.name,
                description: piece.description,
                status: ProductStatus.PUBLISHED,
                shipping_profile_id: profile.id,
                options: [{ title: 'Size', values: piece.sizes }],
                variants: piece.skus.map((sku, number) => ({
                    title: piece.sizes[number],
                    sku,
                    manage_inventory: true,
                    allow_backorder: false,
                    options: { Size: piece.sizes[number] },
                    prices: [{ currency_code: CURRENCY, amount: piece.price }],
                })),
                sales_channels: [{ id: channel.id }],
            })),
        });
    }
    const units = new Map(pieces.flatMap(piece => piece.skus.map(sku => [sku, piece.units])));
    const { data: items } = await query.graph({ entity: 'inventory_item', fields: ['id', 'sku'] });
    for (let from = 0; from < items.length; from += BATCH * 20) {
        await run('createInventoryLevelsWorkflow', {
            inventory_levels: items.slice(from, from + BATCH * 20).map(item => ({
                inventory_item_id: item.id,
                location_id: location.id,
                stocked_quantity: units.get(item.sku),
            })),
        });
    }
    if (units.size !== items.length || !region) {
        throw new Error(`${items.length} of ${units.size} in stock`);
    }
};
