#include "data/stories/rules.h"

#include <algorithm>

#include "core/error.h"

namespace slm::stories {
namespace {

using Choices = std::vector<RuleText::Choice>;

// "a|b|c" as equally likely alternatives. "verse/verses" gives the text's own form `one` and its other form `many`.
RuleText words(const std::string& name, std::string_view list, const std::string& one = "",
               const std::string& many = "") {
  RuleText rule{name, {}};
  while (!list.empty()) {
    const size_t end = std::min(list.find('|'), list.size());
    const std::string_view word = list.substr(0, end);
    const size_t slash = word.find('/');
    RuleText::Choice choice{1, std::string(word.substr(0, slash))};
    SLM_CHECK((slash != std::string_view::npos) == !many.empty());
    if (slash != std::string_view::npos) {
      choice.forms = {{one, choice.text}, {many, std::string(word.substr(slash + 1))}};
    }
    rule.choices.push_back(std::move(choice));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return rule;
}

RuleText nouns(const std::string& name, std::string_view list) { return words(name, list, "singular", "plural"); }
// A verb's first spelling goes with one subject: "sings/sing".
RuleText verbs(const std::string& name, std::string_view list) { return words(name, list, "singular", "plural"); }

RuleText character_names() {
  const Forms he = {{"he", "he"}, {"him", "him"}, {"his", "his"}};
  const Forms she = {{"he", "she"}, {"him", "her"}, {"his", "her"}};
  RuleText rule{"name", {}};
  for (const char* name : {"Pip", "Tom", "Ben", "Max", "Hugo", "Finn", "Otto", "Theo"}) {
    rule.choices.push_back({1, name, he});
  }
  for (const char* name : {"Mia", "Zoe", "Ivy", "Amy", "Lily", "Nora", "Ruby", "Emma"}) {
    rule.choices.push_back({1, name, she});
  }
  return rule;
}

// Number words first .. last, each with its neighbours and with the grammatical number of all three.
RuleText numbers(const std::string& name, size_t first, size_t last) {
  const std::vector<std::string>& all = number_words();
  const auto agreement = [](size_t number) { return number == 1 ? "singular" : "plural"; };
  const auto verb = [](size_t number) { return number == 1 ? "was" : "were"; };
  RuleText rule{name, {}};
  for (size_t number = first; number <= last; ++number) {
    Forms forms = {{"number", agreement(number)}};
    if (number < all.size()) forms.insert({{"next", all[number]}, {"next_number", agreement(number + 1)}});
    if (number > 1) {
      forms.insert({{"less", all[number - 2]}, {"less_number", agreement(number - 1)}, {"less_was", verb(number - 1)}});
    }
    rule.choices.push_back({1, all[number - 1], std::move(forms)});
  }
  return rule;
}

std::vector<RuleText> plot() {
  return {
      {"story", {{1, "[opening] [scene] [meeting] [greeting] [event] [talk] [evening] [farewell]\n\n"}}},
      {"opening",
       {{3, "Once upon a time, a [size] [hero_kind:animal] named [hero:name] lived [home]."},
        {2, "[hero:name] was a [size] [hero_kind:animal] who lived [home]."},
        {2, "There once was a [size] [hero_kind:animal] called [hero:name]. {^hero.he} lived [home]."}}},
      {"scene",
       {{3, "[subject=number]The [who=creature]{who.(subject.number)} [spot] {subject.was} [state]."},
        {2, "[subject=number]That [daytime], the [who=creature]{who.(subject.number)} [spot] {subject.was} [state]."},
        {3,
         "[subject=number]Every [daytime], the [who=creature]{who.(subject.number)} [spot] "
         "[does=habit]{does.(subject.number)} [manner]."}}},
      {"spot", {{1, "[beside] the [other=number][mark=landmark]{mark.(other.number)}"}}},
      {"meeting",
       {{3, "One [weather] [daytime], [friend:name!hero] the [friend_kind:animal!hero_kind] came to [purpose]."},
        {2, "Soon {hero} met a [mood] [friend_kind:animal!hero_kind] named [friend:name!hero]."},
        {1, "[noise=sound]{^noise}, {noise}! After two {noise.plural} at the door, in came [visitor]."},
        {1, "[noise=sound]{^noise}, {noise}, {noise}! After three {noise.plural} at the door, in came [visitor]."},
        {1,
         "[noise=sound]{^noise}, {noise}, {noise}, {noise}! After four {noise.plural} at the door, in came "
         "[visitor]."}}},
      {"visitor", {{1, "[friend:name!hero] the [friend_kind:animal!hero_kind]"}}},
      {"greeting", {{1, "\"[hello], {hero}!\" said {friend}."}, {1, "\"[hello], {friend}!\" said {hero}."}}},
      {"talk",
       {{3, "\"[remark]\" said {hero}."},
        {2, "\"[remark]\" said {friend}."},
        {2, "{hero} said, \"[remark]\""},
        {3, "[remark]"}}},
      {"evening", {{1, "They [made] some [food] and [played] until [bedtime]."}}},
      {"farewell",
       {{2, "\"[bye], {hero}!\" said {friend}."},
        {2, "\"[bye], {friend}!\" said {hero}."},
        {2, "{hero} the {hero_kind} and {friend} the {friend_kind} were friends for ever."},
        {1, "That night, {hero} the {hero_kind} slept very well."}}},
  };
}

std::vector<RuleText> events() {
  return {
      {"event",
       {{3,
         "{hero} had [count:few] [hue:color] [item=thing]{item.(count.number)}. {friend} gave {hero.him} one more. "
         "Now {hero} had {count.next} {hue} {item.(count.next_number)}."},
        {3,
         "{hero} had [count:many] [hue:color] [item=thing]{item.(count.number)}. {^hero.he} gave one to {friend}. "
         "Now {hero} had {count.less} {hue} {item.(count.less_number)}."},
        {2,
         "[count=few]{^count} [guest=flyer]{guest.(count.number)} sat on the [perch:seat]. One more came along. Then "
         "there were {count.next} {guest.(count.next_number)} on the {perch}."},
        {2,
         "[count=many]{^count} [guest=flyer]{guest.(count.number)} sat on the [perch:seat]. One flew away. Then there "
         "{count.less_was} {count.less} {guest.(count.less_number)} on the {perch}."},
        {3,
         "{hero} had lost a [hue:color] [treasure:toy]. {^hero.he} looked [here:hiding] and [there:hiding!here]. Then "
         "{friend} found the {hue} {treasure} [hiding!here!there]."}}},
      numbers("few", 1, 6),
      numbers("many", 2, 7),
      words("color", "red|blue|green|yellow|purple|golden"),
      nouns("thing",
            "apple/apples|pear/pears|button/buttons|shell/shells|marble/marbles|cookie/cookies|feather/feathers|cherry/"
            "cherries"),
      nouns("flyer", "bird/birds|duck/ducks|moth/moths|crow/crows|goose/geese|ladybird/ladybirds"),
      words("seat", "wall|roof|gate|fence|log|boat"),
      words("toy", "ball|kite|drum|hat|scarf|spoon|whistle|lantern"),
      words("hiding", "under the bed|behind the door|in the garden|on the shelf|in the kitchen|in a basket"),
  };
}

std::vector<RuleText> remarks() {
  return {
      {"remark",
       {{2, "What a [fine] [daytime] this is!"},
        {2, "[subject=number]The [glow=light]{glow.(subject.number)} over the [place] {subject.is} so [bright]!"},
        {2, "Good friends [kindness] [always]!"},
        {2, "Nothing is better than [food] with [topping]!"},
        {2, "It is fun to [play] in the [weather_stuff]!"}}},
      words("fine", "fine|lovely|perfect|magic|lucky"),
      nouns("light", "star/stars|cloud/clouds|rainbow/rainbows|balloon/balloons"),
      words("place", "hill|town|sea|forest|river|mill"),
      words("bright", "bright|pretty|big|strange"),
      words("kindness", "share their food|help each other|laugh together|tell the truth"),
      words("always", "every day|in the rain|all year long"),
      words("topping", "honey|jam|butter|nuts"),
      words("play", "dance|sing|run|jump|hide|march"),
      words("weather_stuff", "rain|snow|mud|grass|wind|sunshine"),
  };
}

std::vector<RuleText> lexicon() {
  return {
      character_names(),
      {"number",
       {{1, "", {{"number", "singular"}, {"was", "was"}, {"is", "is"}}},
        {1, "", {{"number", "plural"}, {"was", "were"}, {"is", "are"}}}}},
      words("animal", "fox|bear|frog|mouse|rabbit|badger|owl|cat|dog|pig|goat|otter"),
      words("size", "tiny|little|small|big|young|clever|brave|shy"),
      words("home",
            "in a hollow tree|under a bridge|on a green hill|by the sea|near a deep lake|behind an old barn|at the "
            "edge of the woods|in a cozy cave"),
      nouns("creature",
            "bee/bees|cow/cows|hen/hens|lamb/lambs|swan/swans|kitten/kittens|puppy/puppies|cricket/crickets"),
      words("beside", "near|by|behind|beyond"),
      nouns("landmark", "tree/trees|rock/rocks|house/houses|flower/flowers|pond/ponds|windmill/windmills"),
      words("state", "busy|quiet|happy|sleepy|noisy|hungry"),
      verbs("habit", "sings/sing|dances/dance|plays/play|wakes up/wake up|rests/rest|hums/hum"),
      words("manner", "in the sun|with joy|for hours|for a while|all alone|very early"),
      words("daytime", "morning|evening|afternoon|day"),
      words("weather", "sunny|rainy|windy|snowy|cloudy|warm"),
      words("purpose", "visit|play|say hello|bring a cake|borrow a cup"),
      words("mood", "cheerful|grumpy|tired|lost"),
      nouns("sound", "tap/taps|knock/knocks|bang/bangs|bump/bumps|thump/thumps"),
      words("hello", "Hello|Good day|Welcome|Hi there|Look who is here"),
      words("made", "baked|shared|cooked|ate"),
      words("food", "bread|cake|soup|pie|porridge|toast"),
      words("played", "danced|sang|told jokes|drew pictures|played games|flew kites"),
      words("bedtime", "bedtime|dark|the moon came up|the stars came out|the sun went down"),
      words("bye", "Good night|Goodbye|Sleep well|See you soon|Sweet dreams|Come back soon"),
  };
}

}  // namespace

const Grammar& grammar() {
  static const Grammar kGrammar = [] {
    std::vector<RuleText> rules;
    for (const auto& part : {plot(), events(), remarks(), lexicon()})
      rules.insert(rules.end(), part.begin(), part.end());
    return Grammar(rules);
  }();
  return kGrammar;
}

const std::vector<std::string>& number_words() {
  static const std::vector<std::string> kWords = {"one", "two", "three", "four", "five", "six", "seven"};
  return kWords;
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const RuleText::Choice& choice : character_names().choices) names.push_back(choice.text);
  return names;
}

}  // namespace slm::stories
