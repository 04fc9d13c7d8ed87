// Read and write clients and groups with the npm package `joinposter-api`, and print what it returns, by name.

const { Poster } = require("joinposter-api");

const { clients, settings } = new Poster(process.argv[2]);

// The package has no methods for groups; this is what all of its methods call.
const call = (name, body) =>
  clients.queryRunner({ apiMethod: `clients.${name}`, method: body ? "POST" : "GET", body });

const codeOf = (promise) => promise.then(() => null, (error) => error.code);

async function main() {
  const seen = {};
  const group = { loyalty_type: 1, client_groups_discount: 10, birthday_bonus: 50.0 };
  seen.company = (await settings.getAllSettings()).company_name;
  seen.created = await call("createGroup", { client_groups_name: "Постоянный посетитель", ...group });
  seen.updated = await call("updateGroup", {
    client_groups_id: seen.created,
    client_groups_name: "Їжа & «чай»",
    ...group,
    client_groups_discount: 12.5,
    birthday_bonus: 0.07,
  });
  seen.groups = await call("getGroups");

  seen.page = (await clients.getClients({ group_id: "4", num: 3, offset: 1 })).map((row) => row.client_id);
  seen.sorted = await clients.getClients({ order_by: "bonus", sort: "desc", num: 2, client_id_only: true });
  const phone = "+38 044 555-66-77";
  seen.client = await clients.createClient({
    client_name: "Шевченко Олена",
    client_groups_id_client: 4,
    client_sex: 2,
    phone,
    bonus: 10,
    total_payed_sum: 417000,
  });
  seen.twin = await codeOf(clients.createClient({ client_name: "Інша", client_groups_id_client: 4, phone }));
  seen.moved = await clients.updateClient({ client_id: seen.client, client_groups_id_client: seen.created });
  seen.row = (await clients.getClient({ client_id: String(seen.client) }))[0];
  seen.found = (await clients.getClients({ phone: "380445556677" })).length;
  seen.refused = await codeOf(clients.updateClient({ client_id: 99999, comment: "?" }));
  seen.stranger = await codeOf(new Poster("0".repeat(32)).clients.getClients({}));

  seen.removed = await call("removeGroup", { group_id: seen.created });
  seen.gone = await clients.getClient({ client_id: String(seen.client) });
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
