package corpus

// The vocabulary of the generated articles. These lists are constants in all
// but name: nothing writes to them.

var outlets = []string{"harbour-gazette", "northern-wire", "city-desk", "trade-monitor", "open-bulletin", "field-notes", "policy-review"}

var months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

var places = []string{
	"Ashford", "Brannock", "Calder Bay", "Dunmore", "Eastwick", "Fenbridge", "Greyhaven", "Hallstead", "Inverlock",
	"Jarrow Point", "Kestrel Hill", "Lindmark", "Marlow", "Norvik", "Oakmere", "Port Ellery", "Queensferry", "Ravenscar",
	"Stonebrook", "Tarnfield", "Ullswick", "Västerö", "Westhaven", "Yarrowdale", "Zell am Moor", "São Brás", "Königsried",
}

var bodies = []string{
	"Council", "Harbour Board", "Transport Agency", "Water Company", "University Hospital", "Planning Committee", "Energy Cooperative",
	"Fisheries Union", "Rail Operator", "Data Protection Office", "Housing Association", "Chamber of Commerce", "School District",
	"Regional Court", "Weather Service", "Postal Union", "Research Institute", "Growers' Federation",
}

var topics = []string{
	"ferry timetable", "budget", "water tariffs", "wind farm", "night bus network", "archive digitisation", "flood defences",
	"housing plan", "tram extension", "school meals contract", "harbour dredging", "broadband rollout", "recycling scheme",
	"heat network", "parking charges", "language model pilot", "library hours", "grid connection", "road closure",
	"apprenticeship fund", "hospital merger", "fishing quota", "market square", "cycle path", "staff rota", "search index",
}

var adjectives = []string{
	"delayed", "revised", "contested", "long-awaited", "regional", "costly", "provisional", "ambitious", "unfunded", "independent",
	"joint", "seasonal", "temporary", "confidential", "annual", "half-finished", "popular", "disputed", "modest", "experimental",
}

var headlineVerbs = []string{"votes again", "faces questions", "postpones a decision", "reports losses", "opens talks", "wins an appeal", "asks for patience", "changes course"}

var verbs = []string{
	"approved", "rejected", "postponed", "reviewed", "welcomed", "criticised", "funded", "measured", "published", "withdrew",
	"questioned", "defended", "commissioned", "suspended", "renewed", "audited", "summarised", "inherited",
}

var roles = []string{
	"spokesperson", "chief engineer", "deputy mayor", "auditor", "resident", "union secretary", "project lead", "pharmacist",
	"harbour master", "lecturer", "editor", "data steward", "head teacher", "bus driver", "treasurer",
}

var givenNames = []string{
	"Amira", "Bastian", "Chidi", "Dorota", "Emil", "Farah", "Gustav", "Hana", "Ines", "Jonas", "Keiko", "Lars", "Maëlle", "Nuno",
	"Olga", "Pavel", "Quentin", "Rosa", "Samir", "Tove", "Ulrike", "Viktor", "Wanda", "Yusuf", "Zofia",
}

var surnames = []string{
	"Abara", "Bergström", "Castellan", "Dvorak", "Eriksen", "Fontaine", "Garrido", "Holloway", "Ivanova", "Jansen", "Kowalski",
	"Lindqvist", "Moreau", "Nakata", "Okafor", "Petersen", "Quist", "Rahman", "Sørensen", "Thackeray", "Umarov", "Vance",
	"Whitlock", "Ximenes", "Yilmaz", "Zeller",
}

// patterns are the sentences; see writer.sentence.
var patterns = []string{
	"The {body} of {place} {verb} the {adjective} {topic} on {#} grounds, {person} said.",
	"“We never expected the {topic} to cost {money},” said {person}, {role} at the {body}.",
	"In {month}, {percent} of the households in {place} had no answer to the question of the {topic}.",
	"{person}, who has been {role} since {month}, {verb} the report in a meeting that lasted {#} minutes.",
	"What happens to the {topic} now?",
	"According to figures that the {body} {verb} last week, the {adjective} {topic} reached {#} people, {percent} more than planned.",
	"A second proposal, worth {money}, was {verb} by the {body} without a vote.",
	"Neither {surname} nor the {role} of the {body} wanted to comment on the {topic}.",
	"The {adjective} {topic} is one of {#} that {place} and {place} share.",
	"Critics call it {adjective}; supporters point to {place}, where the {topic} was {verb} after {#} days.",
	"It rained.",
	"If the {body} keeps to its plan, the {topic} will be {verb} before the end of {month}, and the {adjective} one two years later.",
	"The {role} {verb} it at once, but Dr. {surname} asked for the {#} pages of the original to be read into the minutes.",
	"Since then the price of the {topic} has risen by {percent}, to {money}, which the {body} describes as {adjective}.",
	"“That is not the {topic},” {person} replied, “that is the {adjective} {topic} with another {role} on top of it.”",
	"Documents seen by this desk show that {#} of the {#} copies were {verb} in {place} and never returned.",
}
