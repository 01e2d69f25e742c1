"""What is said of companies, teams and projects: rows in the form of ``relations.Rule``."""

from __future__ import annotations

from graphmem.extract.rules.pattern import Rule

# Of anything that has a name, and of who speaks.
_OF_ANYTHING = (
    Rule("uses", "~uses?|<be>~using", "names", "{s} uses {o}", "use uses using", 0.5, of="any"),
    Rule("uses", "~(?:switched|migrated|moved over) to using|~(?:started|began) using", "names",
         "{s} started using {o}", "using", 0.5, "change", of="any"),
    Rule("uses", "~stopped using|~no longer uses?", "names", "{s} no longer uses {o}",
         "stopped longer", 0.5, "end", of="any"),
    Rule("depends_on", "~(?:depends?|relies|rely) on|<be>~dependent on", "names",
         "{s} depends on {o}", "depend depends rely relies dependent", 0.6, of="any"),
    Rule("depends_on", "~no longer (?:depends?|relies|rely) on", "names",
         "{s} no longer depends on {o}", "longer", 0.6, "end", of="any"),
    Rule("manages", "~(?:manages?|supervises?|leads?)|<be>~(?:managing|supervising|leading)|"
         "<have>~been (?:managing|supervising|leading)", "led", "{s} manages {o}",
         "manage manages managing supervise supervises supervising lead leads leading", 0.6),
    Rule("manages", "~(?:took over|started (?:managing|leading)|began (?:managing|leading))", "led",
         "{s} manages {o}", "took started began", 0.6, "change",
         needs="team project department group managing leading"),
    Rule("manages", "~(?:no longer (?:manages?|leads?)|stopped (?:managing|leading))", "led",
         "{s} no longer manages {o}", "longer stopped", 0.6, "end"),
    Rule("reports_to", "~reports? to|<be>~reporting to", "person", "{s} reports to {o}",
         "report reports reporting", 0.6),
    Rule("reports_to", "~started reporting to", "person", "{s} started reporting to {o}",
         "started", 0.6, "change"),
    Rule("reports_to", "~no longer reports? to|~stopped reporting to|<be>~no longer reporting to",
         "person", "{s} no longer reports to {o}", "longer stopped", 0.6, "end"),
    Rule("reports_to", "<not>~report to", "person", "{s} no longer reports to {o}", "report", 0.6,
         "end", "anymore longer more"),
)  # fmt: skip

# Of companies and the like; where it proves its subject to be one, of a name nobody knows yet.
_OF_COMPANIES = (
    Rule("acquired", "(?:<have>)?~acquired", "company", "{s} acquired {o}", "acquired", 0.7,
         "event", of="organization", proves=True),
    Rule("acquired", "(?:<have>)?~(?:took over|bought(?: up)?)", "company", "{s} acquired {o}",
         "took bought", 0.7, "event", of="organization"),
    Rule("merged_with", "(?:<have>)?~merged with", "company", "{s} merged with {o}", "merged", 0.7,
         "event", of="organization", proves=True),
    Rule("headquartered_in", "<be>~headquartered in|~has (?:its |their )?headquarters in", "place",
         "{s} is headquartered in {o}", "headquartered headquarters", 0.7, of="organization",
         proves=True),
    Rule("based_in", "<be>~based in", "place", "{s} is based in {o}", "based", 0.7,
         of="organization"),
    Rule("hired", "(?:<have>)?~hired", "person", "{s} hired {o}", "hired", 0.7, "change",
         of="organization"),
    Rule("owns", "~owns", "company", "{s} owns {o}", "owns", 0.6, of="organization"),
    Rule("partners_with", "~(?:partners|partnered|has partnered) with", "company",
         "{s} partners with {o}", "partners partnered", 0.5, of="organization"),
    Rule("competes_with", "~competes with|<be>~(?:a |the )?competitors? (?:of|to)", "company",
         "{s} competes with {o}", "competes competitor competitors", 0.5, of="organization"),
)  # fmt: skip

# Of a product, a project, a company: it says nothing of what kind its subject is.
_OF_THINGS = (
    Rule("part_of", "<be>~(?:a |the )?(?:part|subsidiary|division|unit|component) of", "proper",
         "{s} is part of {o}", "part subsidiary division unit component", 0.6, of="thing"),
    Rule("owned_by", "<be>~owned by", "name", "{s} is owned by {o}", "owned", 0.6, of="thing"),
    Rule("founded_by", r"<was>~(?:founded|co-founded|started|set up)(?: in \d{4})? by", "person",
         "{s} was founded by {o}", "founded co-founded started set", 0.7, "event",
         of="thing"),
    Rule("managed_by", "<be>~(?:led|managed|headed|run|maintained) by", "person",
         "{s} is managed by {o}", "led managed headed run maintained", 0.6, of="thing"),
    Rule("used_by", "<be>~used by", "company", "{s} is used by {o}", "used", 0.5, of="thing"),
    Rule("acquired_by", "<was>~(?:acquired|bought|taken over) by", "company",
         "{s} was acquired by {o}", "acquired bought taken", 0.7, "event", of="thing"),
    Rule("located_in", "<be>~(?:located|situated) in", "place", "{s} is located in {o}",
         "located situated", 0.5, of="thing"),
    Rule("capital_of", "<be>~(?:the )?capital(?: city)? of", "place", "{s} is the capital of {o}",
         "capital", 0.6, of="thing"),
    Rule("built_on", "<be>~(?:built|based) on(?: top of)?|~runs on", "proper",
         "{s} is built on {o}", "built based runs", 0.5, of="thing"),
    Rule("written_in", "<be>~written in", "proper", "{s} is written in {o}", "written", 0.5,
         of="thing"),
)  # fmt: skip

AFFAIRS: tuple[Rule, ...] = (*_OF_ANYTHING, *_OF_COMPANIES, *_OF_THINGS)
